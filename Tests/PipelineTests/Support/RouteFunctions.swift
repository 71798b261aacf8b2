/// Functions for `sh` that run steps by a process for each stage, and by the ring. They call `batches`, which is nn-batch with a
/// test's data, and `update`, nn-update with its rule, each with further options.
let routeFunctions = """
  by_hand() { # FROM TO FIRST LAST, steps of both epochs counted from 0
    cp "$1" by-hand.safetensors
    for step in $(seq "$3" "$4"); do
      batches --epochs 2 --skip "$step" --limit 1 -o batch.safetensors
      nn-forward -m by-hand.safetensors --trace batch.safetensors -o trace.safetensors
      nn-backprop trace.safetensors -o gradient.safetensors
      update -m by-hand.safetensors gradient.safetensors -o by-hand.safetensors
    done
    mv by-hand.safetensors "$2"
  }
  ring() { # FROM TO, the batches from standard input
    rm -f weights; mkfifo weights
    nn-forward -m "$1" --follow weights --trace | nn-backprop \\
    | update -m "$1" --feedback weights -o "$2"
  }

  """
