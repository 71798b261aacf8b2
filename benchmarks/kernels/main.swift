// How fast the convolutions and dense layers of the recipes are, by road and product:
// `swift run -c release kernel-benchmark`, or with the name of a layer, and of a road, only those.
//
// One thread, a batch of 64; the roads take turns, and what is printed is the median of the rounds in GFLOP/s of the
// thread's own time, so that other work on the machine counts little. The
// arithmetic counted is 2 · N · O · C/G · KH · KW · H' · W' for each of the three products of a convolution, 2 · N · O · I for
// those of a dense layer.

import CLibrary
import Kernels
import Products
import Tensors

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
let denseLayers: [(name: String, inputs: Int, outputs: Int)] = [
  ("mlp dense1", 784, 128), ("lenet dense1", 400, 120),
  ("lenet dense2", 120, 84), ("lenet dense3", 84, 10), ("cnn dense1", 3136, 128),
  ("wide dense", 2048, 2048),
]
let asked = CommandLine.arguments.dropFirst()
let roads: [(name: String, kernels: LaneKernels?, minimal: Bool)] =
  ([("im2col", nil, false)]
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

let workers = Workers(count: 1)

/// Seconds of the processor that this thread has used.
func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Prints how fast each road's forward product, input gradient and weight gradient are.
func compare(
  _ layer: String, _ multiplications: Int, _ roads: [(name: String, products: [() -> Tensor])]
) {
  let work = 2 * Double(multiplications) / 1e9
  var speeds = roads.map { $0.products.map { _ in [Double]() } }
  for _ in 0..<rounds {
    for (road, (_, products)) in roads.enumerated() {
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
    print(padded(layer, 16) + padded(road.name, 20) + columns.joined())
  }
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
  compare(
    layer.name, examples * weight.count * output[1] * output[2],
    zip(roads, convolutions).map { road, convolution in
      (
        road.name,
        [
          { convolution.forward(x, w, plus: nil, workers) },
          { convolution.inputGradient(delta: delta, w, workers) },
          { convolution.weightGradient(delta: delta, input: x, workers) },
        ]
      )
    })
}
for layer in denseLayers where asked.first.map({ $0 == layer.name }) ?? true {
  let x = values([examples, layer.inputs])
  let w = values([layer.outputs, layer.inputs])
  let delta = values([examples, layer.outputs])
  compare(
    layer.name, examples * layer.inputs * layer.outputs,
    ProductKernels.supported.enumerated().map { index, kernels in
      (
        index == 0 ? "any processor" : "\(LaneKernels.supported[index - 1].lanes) lanes",
        [
          { x.timesTransposed(w, plus: nil, workers, with: kernels) },
          { delta.times(w, workers, with: kernels) },
          { delta.transposedTimes(x, workers, with: kernels) },
        ]
      )
    })
}
