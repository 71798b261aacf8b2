import CLibrary

func exponential(_ x: Double) -> Double { exp(x) }

func logarithm(_ x: Double) -> Double { log(x) }

/// The tangent of an angle in degrees.
func tangent(degrees: Double) -> Double { tan(degrees * .pi / 180) }

/// Sine and cosine of an angle in degrees, exact at the multiples of 90, so that a quarter turn moves whole pixels.
func sineAndCosine(degrees: Double) -> (sine: Double, cosine: Double) {
  let quarters = (degrees / 90).rounded()
  let rest = (degrees - 90 * quarters) * .pi / 180
  let (s, c) = (sin(rest), cos(rest))
  switch Int(quarters) & 3 {
  case 0: return (s, c)
  case 1: return (c, -s)
  case 2: return (-s, -c)
  default: return (-c, s)
  }
}

/// Two independent numbers of the standard normal distribution from 128 random bits.
///
/// Source: Box, Muller 1958, A note on the generation of random normal deviates.
func normals(_ first: UInt64, _ second: UInt64) -> (Double, Double) {
  let radius = (-2 * log(Double((first >> 11) + 1) * 0x1p-53)).squareRoot()
  let angle = 2 * .pi * Double(second >> 11) * 0x1p-53
  return (radius * cos(angle), radius * sin(angle))
}
