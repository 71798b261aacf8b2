// How fast the convolutions of the recipes are, by road and product: `swift run -c release kernel-benchmark`, or with the
// name of a layer, and of a road, only those.
//
// One thread, a batch of 64; the roads take turns, and what is printed is the median of the rounds in GFLOP/s of the
// thread's own time, so that other work on the machine counts little. The
// arithmetic counted is 2 · N · O · C/G · KH · KW · H' · W' for each of the three products.

import Kernels
import Products
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

struct Layer {
  let name: String
  let input: Shape
  let outputs: Int
  let window: Window

  init(_ name: String, _ input: Shape, _ outputs: Int, _ size: Int, stride: Int = 1, padding: Int) {
    (self.name, self.input, self.outputs) = (name, input, outputs)
    let axis = Window.Axis(size, stride: stride, padding: padding)
    window = Window(height: axis, width: axis)
  }
}

let layers = [
  Layer("lenet conv1", [1, 28, 28], 6, 5, padding: 2),
  Layer("lenet conv2", [6, 14, 14], 16, 5, padding: 0),
  Layer("cnn conv2", [32, 14, 14], 64, 3, padding: 1),
  Layer("convnet conv2", [16, 28, 28], 32, 3, padding: 1),
  Layer("convnet conv4", [40, 14, 14], 40, 3, padding: 1),
  Layer("convnet conv6", [64, 7, 7], 64, 3, padding: 1),
  Layer("resnet conv3", [64, 14, 14], 64, 3, padding: 1),
  Layer("resnet conv5", [64, 14, 14], 128, 3, stride: 2, padding: 1),
  Layer("resnet conv6", [128, 7, 7], 128, 3, padding: 1),
]
let asked = CommandLine.arguments.dropFirst()
let roads: [(name: String, kernels: LaneKernels?, minimal: Bool)] =
  ([("BLAS", nil, false)]
  + LaneKernels.supported.flatMap {
    [("\($0.lanes) lanes", $0, false), ("\($0.lanes) lanes, minimal", $0, true)]
  }).filter { road in asked.dropFirst().first.map { $0 == road.name } ?? true }
let examples = 64
let rounds = 7

/// Small whole numbers, the same every time.
func values(_ shape: Shape) -> Tensor {
  Tensor((0..<shape.count).map { Float($0 &* 2_654_435_761 % 17 - 8) / 8 }, shape: shape)
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

let workers = try Workers(count: 1)

/// Seconds of the processor that this thread has used.
func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

print(padded("layer", 16) + padded("road", 20) + "  forward  input gradient  weight gradient")
for layer in layers where asked.first.map({ $0 == layer.name }) ?? true {
  let convolutions = roads.map {
    Convolution(
      layer.window, input: layer.input, outputs: layer.outputs, $0.kernels, minimal: $0.minimal)
  }
  let (output, weight) = (convolutions[0].output, convolutions[0].weight)
  let x = values(layer.input.batched(examples))
  let w = values(weight)
  let delta = values(output.batched(examples))
  let work = 2 * Double(examples * weight.count * output[1] * output[2]) / 1e9
  var speeds = [[[Double]]](
    repeating: [[Double]](repeating: [], count: 3), count: roads.count)
  for _ in 0..<rounds {
    for (road, convolution) in convolutions.enumerated() {
      let products: [() -> Tensor] = [
        { convolution.forward(x, w, plus: nil, workers) },
        { convolution.inputGradient(delta: delta, w, workers) },
        { convolution.weightGradient(delta: delta, input: x, workers) },
      ]
      for (index, product) in products.enumerated() {
        let start = seconds()
        _ = product()
        speeds[road][index].append(work / (seconds() - start))
      }
    }
  }
  for (road, speeds) in zip(roads, speeds) {
    let columns = zip(speeds, [9, 16, 17]).map { speeds, width in
      let text = String(Int(median(speeds).rounded()))
      return String(repeating: " ", count: width - text.count) + text
    }
    print(padded(layer.name, 16) + padded(road.name, 20) + columns.joined())
  }
}
