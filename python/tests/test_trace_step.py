"""trace_step: a scope of a thread."""

import threading

import pytest

from fvhooks.activation_trace import current_step_idx, trace_step


def test_steps_nest_and_are_put_back():
    assert current_step_idx() is None
    with trace_step(1):
        with pytest.raises(KeyError), trace_step(2):
            assert current_step_idx() == 2
            raise KeyError
        assert current_step_idx() == 1
        with trace_step(None):
            assert current_step_idx() is None
    assert current_step_idx() is None
    with pytest.raises(TypeError), trace_step(1.5):
        pass


def test_a_step_is_carried_to_a_worker_thread():
    seen = []

    def work(step):
        seen.append(current_step_idx())
        with trace_step(step):
            seen.append(current_step_idx())

    with trace_step(5):
        worker = threading.Thread(target=work, args=(current_step_idx(),))
        worker.start()
        worker.join()
    assert seen == [None, 5]
