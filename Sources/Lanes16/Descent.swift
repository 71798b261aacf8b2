extension CompiledKernels {
  /// new[i] = old[i] − rate · (share · gradient[i] + 0), which leaves no −0 of a gradient; `old`
  /// and `new` may be one.
  ///
  /// - Returns: whether all of them are finite numbers.
  public static func descend(
    _ old: UnsafePointer<Float>, by gradient: UnsafePointer<Float>, count: Int, share: Float,
    rate: Float, into new: UnsafeMutablePointer<Float>
  ) -> Bool {
    // 0, or NaN once there was a number that is not finite: that times 0 is NaN, and what is added
    // to NaN too.
    var (first, second) = (Lane(), Lane())
    @inline(__always)
    func lower(_ place: Int, _ found: inout Lane) {
      let result = (old + place).lane - ((gradient + place).lane * share + Lane()) * rate
      (new + place).store(result)
      found.addProduct(result, 0)
    }
    var place = 0
    while place &+ 2 &* lanes <= count {
      lower(place, &first)
      lower(place &+ lanes, &second)
      place &+= 2 &* lanes
    }
    var isFinite = true
    while place < count {
      let result = old[place] - (gradient[place] * share + 0) * rate
      new[place] = result
      if !result.isFinite { isFinite = false }
      place &+= 1
    }
    let found = first + second
    for index in 0..<lanes where found[index] != 0 { isFinite = false }
    return isFinite
  }
}
