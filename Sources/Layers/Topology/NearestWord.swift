/// The word that was probably meant: the one with the fewest edits, if at most half of `word` is wrong.
///
/// Of several the first in `known` counts.
public func nearestWord(to word: String, among known: [String]) -> String? {
  let candidates = known.map { (word: $0, distance: editDistance(word, $0)) }
  guard let best = candidates.min(by: { $0.distance < $1.distance }),
    best.distance <= max(1, word.unicodeScalars.count / 2)
  else { return nil }
  return best.word
}

/// How many letters must be inserted, removed or replaced, or exchanged with their neighbour.
///
/// Source: Damerau 1964, in the restricted form known as optimal string alignment.
func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.unicodeScalars)
  let b = Array(b.unicodeScalars)
  var twoAbove: [Int] = []
  var above = Array(0...b.count)
  for row in 0..<a.count {
    var current = [row + 1]
    for column in 0..<b.count {
      var distance = above[column] + (a[row] == b[column] ? 0 : 1)
      distance = min(distance, above[column + 1] + 1, current[column] + 1)
      if row > 0 && column > 0 && a[row] == b[column - 1] && a[row - 1] == b[column] {
        distance = min(distance, twoAbove[column - 1] + 1)
      }
      current.append(distance)
    }
    (twoAbove, above) = (above, current)
  }
  return above[b.count]
}
