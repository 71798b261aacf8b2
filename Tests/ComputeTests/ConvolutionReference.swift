import Compute
import Tensors

/// What a convolution works on, and what plain loops make of it.
struct ConvolutionOperands {
  var input, weight, bias, delta: Tensor

  init(_ convolution: Convolution, examples: Int) {
    input = numbers(convolution.input.batched(examples), .f64, seed: 1)
    weight = numbers(convolution.weight, .f64, seed: 2)
    bias = numbers([convolution.output[0]], .f64, seed: 3)
    delta = numbers(convolution.output.batched(examples), .f64, seed: 4)
  }

  func converted(to dtype: DType) -> ConvolutionOperands {
    var result = self
    (result.input, result.weight) = (input.converted(to: dtype), weight.converted(to: dtype))
    (result.bias, result.delta) = (bias.converted(to: dtype), delta.converted(to: dtype))
    return result
  }

  func rows(_ range: Range<Int>) -> ConvolutionOperands {
    var result = self
    (result.input, result.delta) = (input.rows(range), delta.rows(range))
    return result
  }

  func products(_ convolution: Convolution, _ workers: ThreadPool) -> [String: Tensor] {
    [
      "forward": convolution.forward(input, weight, plus: bias, workers),
      "without bias": convolution.forward(input, weight, plus: nil, workers),
      "input gradient": convolution.inputGradient(delta: delta, weight, workers),
      "weight gradient": convolution.weightGradient(delta: delta, input: input, workers),
      "bias gradient": delta.summedOverPictures(workers),
    ]
  }

  /// Element by element in Double.
  func plainProducts(_ convolution: Convolution) -> [String: Tensor] {
    let (x, w, b, d) = (input.doubles(), weight.doubles(), bias.doubles(), delta.doubles())
    var sums = [Double](repeating: 0, count: d.count)
    var inputGradient = [Double](repeating: 0, count: x.count)
    var weightGradient = [Double](repeating: 0, count: w.count)
    var biasGradient = [Double](repeating: 0, count: b.count)
    let (height, width) = (convolution.input[1], convolution.input[2])
    let window = convolution.window
    let (channels, outputs) = (convolution.weight[1], convolution.output[0])
    let outputsPerGroup = outputs / convolution.groups
    var place = 0
    for example in 0..<input.shape[0] {
      for o in 0..<outputs {
        for y in 0..<convolution.output[1] {
          for x0 in 0..<convolution.output[2] {
            biasGradient[o] += d[place]
            for c in 0..<channels {
              let plane = example * convolution.input[0] + o / outputsPerGroup * channels + c
              for i in 0..<window.height.length {
                let row =
                  y * window.height.stride + i * window.height.dilation - window.height.padding
                if row < 0 || row >= height { continue }
                for j in 0..<window.width.length {
                  let column =
                    x0 * window.width.stride + j * window.width.dilation - window.width.padding
                  if column < 0 || column >= width { continue }
                  let element = (plane * height + row) * width + column
                  let tap =
                    ((o * channels + c) * window.height.length + i) * window.width.length + j
                  sums[place] += w[tap] * x[element]
                  inputGradient[element] += w[tap] * d[place]
                  weightGradient[tap] += d[place] * x[element]
                }
              }
            }
            place += 1
          }
        }
      }
    }
    let size = convolution.output[1] * convolution.output[2]
    return [
      "forward": Tensor(
        sums.enumerated().map { $1 + b[$0 / size % outputs] }, shape: delta.shape),
      "without bias": Tensor(sums, shape: delta.shape),
      "input gradient": Tensor(inputGradient, shape: input.shape),
      "weight gradient": Tensor(weightGradient, shape: weight.shape),
      "bias gradient": Tensor(biasGradient),
    ]
  }
}
