#!/usr/bin/env bash
# Traces a Wan transformer in Python and its C++ port, and lets fvtrace say whether, and where, they part: first a clean
# port, then one with a planted bug. Needs build/bin and a python that has fvhooks: `make demo` provides both.
#   demo.sh         1.3B's width, 2 blocks
#   demo.sh full    1.3B, all 30 blocks (6 GB on disk, 15 GB of memory, some minutes)
# Exit status: 0 if the clean port passes and the bug is found where it is.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build}
config=${1:-demo}
bug=rope-half
guilty=blocks.0.attn1
if [[ $config != demo && $config != full ]]; then
  echo "usage: demo.sh [full]" >&2
  exit 2
fi

folder=$build/demo/$config
model=$folder/model
inputs=$model/inputs.safetensors
wan=$build/bin/wan
fvtrace=$build/bin/fvtrace
reference=$folder/reference.jsonl
mkdir -p "$folder"

export FASTVIDEO_TRACE_INPUTS=1 FASTVIDEO_TRACE_ROOT=1
export FASTVIDEO_TRACE_STATS=abs_mean,sum,max,rms,shape,dtype
began=$SECONDS
part=0

say() { printf '\n== [%3d s] %s\n' $((SECONDS - began)) "$*"; }
next() { say "$((++part)) of 6: $*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}

# traced TRACE COMMAND…
traced() {
  local trace=$1
  shift
  rm -f "$trace"
  FASTVIDEO_TRACE_ACTIVATIONS=1 FASTVIDEO_TRACE_OUTPUT=$trace "$@"
}

# Prints the verdict, leaves its status in $status and its JSON beside the port's trace.
diff_with_reference() {
  status=0
  "$fvtrace" diff --json "$reference" "$1" > "${1%.jsonl}.verdict.json" || true
  "$fvtrace" diff --rows "${ROWS:-14}" "$reference" "$1" || status=$?
}

introducer_in() { python -c 'import json, sys; print((json.load(open(sys.argv[1]))["introducer"] or {}).get("module"))' "$1"; }

next "a model with random weights"
if [[ -e $model/diffusion_pytorch_model.safetensors ]]; then
  echo "is there: $model"
else
  python examples/wan/reference.py make --out "$model" --config "$config"
fi

next "the reference: diffusers' WanTransformer3DModel, traced"
traced "$reference" python examples/wan/reference.py run --model "$model" --inputs "$inputs" --output "$folder/reference.safetensors"

next "the C++ port, traced"
traced "$folder/port.jsonl" "$wan" --model "$model" --inputs "$inputs" --output "$folder/port.safetensors"

next "fvtrace diff reference.jsonl port.jsonl"
diff_with_reference "$folder/port.jsonl"
clean_status=$status
[[ $clean_status == 0 ]] || fail "the clean port should agree with the reference; fvtrace diff returned $clean_status"

next "the C++ port with a planted bug, traced: $("$wan" --list-bugs | grep "^$bug:")"
traced "$folder/$bug.jsonl" "$wan" --model "$model" --inputs "$inputs" --output "$folder/$bug.safetensors" --bug $bug

next "fvtrace diff reference.jsonl $bug.jsonl"
diff_with_reference "$folder/$bug.jsonl"
found=$(introducer_in "$folder/$bug.verdict.json")
[[ $status == 1 ]] || fail "the bug should be seen; fvtrace diff returned $status"
[[ $found == "$guilty" ]] || fail "the bug is in $guilty, fvtrace diff named $found"

say "the same bug as FastVideo's statistics show it (step 0, first pass)"
python examples/wan/statistics_table.py --model "$model" --inputs "$inputs" --reference "$reference" --port "$folder/$bug.jsonl"

say "summary"
cat << END
  clean port        no divergence in $(wc -l < "$reference") records
  port with a bug   introduced in $found: rotary embedding is applied in its own code, after to_q
  traces, verdicts  $folder
END
