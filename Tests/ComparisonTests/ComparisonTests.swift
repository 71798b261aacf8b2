import Comparison
import Tensors
import Testing

struct ComparisonTests {
  let ones = Tensor([1, 1, 1, 1, 1, 1] as [Double], shape: [2, 3])

  @Test func acceptsWhatIsWithinTheTolerance() {
    let found = Tensor([1, 1.25, 1, 0.75, 1, 1] as [Double], shape: [2, 3])
    #expect(mismatch(found, ones, absolute: 0.25) == nil)
    #expect(mismatch(found, ones, relative: 0.25) == nil)
    #expect(mismatch(ones, ones.converted(to: .f32)) == nil)
  }

  @Test func reportsTheWorstElement() {
    let found = Tensor([1, 1.5, 1, 1, 1, -1] as [Double], shape: [2, 3])
    #expect(
      mismatch(found, ones, relative: 0.25, absolute: 0.125)
        == "at [1, 2]: found -1.0, expected 1.0 within 0.25 relative, 0.125 absolute")
  }

  @Test func reportsTheShapesBeforeTheElements() {
    #expect(
      mismatch(ones.reshaped([3, 2]), ones, absolute: .infinity)
        == "found shape [3, 2], expected [2, 3]")
  }

  @Test func neverAcceptsNaN() {
    let nan = Tensor([.nan] as [Double])
    let one = Tensor([1] as [Double])
    #expect(mismatch(nan, one, absolute: 1e300) != nil)
    #expect(mismatch(one, nan, absolute: 1e300) != nil)
    #expect(mismatch(nan, nan, absolute: 1e300) != nil)
    #expect(mismatch(one, Tensor([1 + 1e-15] as [Double])) != nil)
  }

  @Test func namesTheTensorThatDiffers() {
    #expect(mismatch(["a": ones], ["a": ones]) == nil)
    #expect(mismatch(["a": ones], ["b": ones]) == "found tensors [\"a\"], expected [\"b\"]")
    #expect(
      mismatch(["a": ones], ["a": ones.reshaped([6])])
        == "'a' found shape [2, 3], expected [6]")
  }
}
