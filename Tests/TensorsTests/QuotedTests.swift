import Tensors
import Testing

@Test func quotesShortTextWhole() {
  #expect(quoted("") == "''")
  #expect(quoted("größe 宽") == "'größe 宽'")
  #expect(quoted("abcd", limit: 4) == "'abcd'")
}

@Test func cutsLongText() {
  #expect(quoted("abcde", limit: 4) == "'abcd…'")
  #expect(
    quoted(String(repeating: "x", count: 41)) == "'" + String(repeating: "x", count: 40) + "…'")
}

@Test func showsInsteadOfSendingWhatATerminalObeys() {
  #expect(quoted("a\nb\tc\r") == "'a\\nb\\tc\\r'")
  #expect(quoted("\u{1B}[2J\u{7F}\0") == "'\\u{1B}[2J\\u{7F}\\0'")
  #expect(quoted("\u{9B}\u{202E}\u{2028}\u{FEFF}") == "'\\u{9B}\\u{202E}\\u{2028}\\u{FEFF}'")
}
