// A list of any length that has elements only for the rows in view. Elements are made once and filled anew.
class VirtualList {
  constructor(container, rowHeight, { make: makeRow, fill }) {
    this.container = container;
    this.rowHeight = rowHeight;
    this.makeRow = makeRow;
    this.fill = fill;
    this.count = 0;
    this.pool = [];
    this.generation = 0;  // of the content: rows filled before it are stale
    this.space = make('div', 'space');
    container.append(this.space);
    container.addEventListener('scroll', () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.schedule()).observe(container);
  }

  setCount(count) {
    this.count = count;
    this.space.style.height = `${count * this.rowHeight}px`;
    this.refresh();
  }

  refresh() {
    ++this.generation;
    this.draw();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const spare = 6;
    const visible = Math.ceil(this.container.clientHeight / this.rowHeight) + 2 * spare;
    while (this.pool.length < visible) this.pool.push(this.element());
    const first = Math.max(0, Math.min(Math.floor(this.container.scrollTop / this.rowHeight) - spare, this.count - visible));
    const size = this.pool.length;
    for (let index = first; index < first + size; ++index) this.place(this.pool[index % size], index);
  }

  element() {
    const element = this.makeRow();
    element.classList.add('row');
    this.container.append(element);
    return { element, index: -1, generation: -1 };
  }

  place(slot, index) {
    if (slot.index === index && slot.generation === this.generation) return;
    slot.index = index;
    slot.generation = this.generation;
    slot.element.hidden = index >= this.count;
    if (index >= this.count) return;
    slot.element.dataset.index = index;
    slot.element.style.transform = `translateY(${index * this.rowHeight}px)`;
    this.fill(slot.element, index);
  }

  reveal(index) {
    const top = index * this.rowHeight;
    const { scrollTop, clientHeight } = this.container;
    const isFar = Math.abs(top - scrollTop) > 2 * clientHeight;
    if (isFar) this.container.scrollTop = top - clientHeight / 3;
    else if (top < scrollTop) this.container.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.container.scrollTop = top + this.rowHeight - clientHeight;
    this.draw();
  }

  get pageSize() {
    return Math.max(1, Math.floor(this.container.clientHeight / this.rowHeight) - 1);
  }

  indexOf(event) {
    const row = event.target.closest('.row');
    return row ? Number(row.dataset.index) : -1;
  }
}

// Where the arrow keys lead from `index`; undefined: another key.
function movedBy(event, index, list) {
  const last = list.count - 1;
  const to = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    PageDown: index + list.pageSize,
    PageUp: index - list.pageSize,
    Home: 0,
    End: last,
  }[event.key];
  return to === undefined || last < 0 ? undefined : Math.max(0, Math.min(last, to));
}
