import Safetensors
import Testing

/// A header that breaks one rule, and the whole message about it.
struct Broken: CustomTestStringConvertible {
  let rule: String
  let header: String
  let message: String

  init(_ rule: String, _ header: String, _ message: String) {
    self.rule = rule
    self.header = header
    self.message = message
  }

  var testDescription: String { rule }
}

/// A tensor's entry in a header, of one byte unless the arguments say otherwise.
private func entry(
  _ dtype: String = "U8", _ shape: String = "[1]", _ offsets: String = "[0,1]", more: String = ""
) -> String {
  #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)\#(more)}"#
}

private func metadata(_ members: String) -> String { #"{"__metadata__":{\#(members)}}"# }

private let brokenText = [
  Broken("empty", "", "header length: found 0 bytes, expected a JSON object"),
  Broken("leading space", " {}", "header byte 0: found ' ', expected '{'"),
  Broken("byte order mark", "\u{FEFF}{}", "header byte 0: found byte 0xef, expected '{'"),
  Broken("array", "[]", "header byte 0: found '[', expected '{'"),
  Broken(
    "trailing newline", "{} \n",
    "header byte 3: found byte 0x0a behind the JSON object, expected spaces"
  ),
  Broken(
    "second object", "{}{}", "header byte 2: found '{' behind the JSON object, expected spaces"),
  Broken("unclosed object", "{", "header byte 1: found the end of the header, expected a string"),
  Broken("unclosed key", #"{"a"#, "header byte 3: found the end of the header, expected '\"'"),
  Broken("name that is no string", "{a:1}", "header byte 1: found a, expected a string"),
  Broken("missing colon", #"{"a" 1}"#, "header byte 5: found 1, expected ':'"),
  Broken(
    "trailing comma", #"{"a":\#(entry()),}"#, "header byte 53: found '}', expected a string"),
  Broken(
    "missing comma", #"{"a":\#(entry()) "b":1}"#, "header byte 53: found '\"', expected ',' or '}'"),
  Broken(
    "entry that is no object", #"{"a":true}"#, "header byte 5: found true, expected an object"),
  Broken(
    "nesting", #"{"a":\#(entry("U8", String(repeating: "[", count: 100_000)))}"#,
    "header byte 28: found '[', expected a non-negative integer"),
  Broken(
    "shape that is no array", #"{"a":\#(entry("U8", "null"))}"#,
    "header byte 27: found null, expected an array"),
  Broken(
    "shape without comma", #"{"a":\#(entry("U8", "[1 2]"))}"#,
    "header byte 30: found 2, expected ',' or ']'"),
  Broken(
    "trailing comma in a shape", #"{"a":\#(entry("U8", "[1,]"))}"#,
    "header byte 30: found ']', expected a non-negative integer"),
  Broken(
    "long word", #"{"a":\#(String(repeating: "x", count: 1000))}"#,
    "header byte 5: found xxxxxxxxxxxxxxxxxxxxxxxx…, expected an object"),
]

private let brokenStrings = [
  Broken(
    "control character", metadata("\"a\":\"b\u{1}\""),
    "header byte 23: found byte 0x01, expected it as an escape"),
  Broken(
    "unknown escape", metadata(#""a":"\x41""#), "header byte 23: found x41, expected an escape"),
  Broken(
    "short hexadecimal", metadata(#""a":"\u12g4""#),
    "header byte 26: found g4, expected four hexadecimal digits"),
  Broken(
    "escape at the end", #"{"\"#, "header byte 3: found the end of the header, expected an escape"),
  Broken(
    "high surrogate alone", metadata(#""a":"-\ud800""#),
    "header byte 23: found half of a surrogate pair, expected both"),
  Broken(
    "low surrogate alone", metadata(#""a":"\udc00\ud800""#),
    "header byte 22: found half of a surrogate pair, expected both"),
  Broken(
    "two high surrogates", metadata(#""a":"\ud800\ud800""#),
    "header byte 22: found half of a surrogate pair, expected both"),
]

private let brokenMetadata = [
  Broken(
    "metadata null", #"{"__metadata__":null}"#,
    "header byte 16: __metadata__: found null, expected an object"),
  Broken(
    "metadata number", metadata(#""a": 1.5"#),
    "header byte 22: metadata 'a': found 1.5, expected a string"),
  Broken(
    "metadata object", metadata(#""a":{}"#),
    "header byte 21: metadata 'a': found '{', expected a string"),
  Broken(
    "metadata key twice", metadata(#""a":"1","\u0061":"1""#),
    "header byte 25: found metadata key 'a' a second time"),
  Broken(
    "metadata twice", #"{"__metadata__":{},"__metadata__":{}}"#,
    "header byte 19: found a second __metadata__, expected one"),
]

private let brokenNumbers = [
  ("-1", "-1"), ("-0", "-0"), ("1.0", "1.0"), ("1e0", "1e0"), ("01", "01"), ("+1", "+1"),
  ("\"1\"", "'\"'"), ("1x", "1x"), ("null", "null"),
].map { number, found in
  Broken(
    "dimension \(number)", #"{"a":\#(entry("U8", "[\(number)]"))}"#,
    "header byte 28: found \(found), expected a non-negative integer")
}

private let brokenTensors = [
  Broken(
    "tensor twice", #"{"a":\#(entry()),"a":\#(entry("U8", "[1]", "[1,2]"))}"#,
    "header byte 53: found tensor 'a' a second time"),
  Broken(
    "one name composed in two ways",
    "{\"\u{e9}\":\(entry()),\"e\u{301}\":\(entry("U8", "[1]", "[1,2]"))}",
    "header byte 54: found tensor 'e\u{301}' a second time"),
  Broken(
    "key twice", #"{"a":\#(entry(more: #","shape":[1]"#))}"#,
    "tensor 'a': header byte 52: found shape a second time"),
  Broken(
    "unknown key", #"{"a":\#(entry(more: #","strides":[1]"#))}"#,
    "tensor 'a': header byte 52: found key 'strides', expected dtype, shape or data_offsets"),
  Broken(
    "no dtype", #"{"a":{"shape":[1],"data_offsets":[0,1]}}"#, "tensor 'a': found no dtype"),
  Broken(
    "no shape", #"{"a":{"dtype":"U8","data_offsets":[0,1]}}"#, "tensor 'a': found no shape"),
  Broken(
    "no offsets", #"{"a":{"dtype":"U8","shape":[1]}}"#, "tensor 'a': found no data_offsets"),
  Broken(
    "unknown dtype", #"{"a":\#(entry("u8"))}"#,
    "tensor 'a': found dtype 'u8', expected BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, "
      + "F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, "
      + "F64, I64, U64"),
  Broken(
    "dimension beyond 63 bits", #"{"a":\#(entry("U8", "[9223372036854775808]"))}"#,
    "header byte 28: found 9223372036854775808, expected at most 9223372036854775807"),
  Broken(
    "offset beyond 64 bits", #"{"a":\#(entry("U8", "[1]", "[0,18446744073709551617]"))}"#,
    "header byte 49: found 18446744073709551617, expected at most 9223372036854775807"),
  Broken(
    "shape beyond 63 bits",
    #"{"a":\#(entry("U8", "[1,2,3,4294967296,4294967296,6,7,8,9]", "[0,0]"))}"#,
    "tensor 'a': found U8 [1, 2, 3, 4294967296, 4294967296, 6, 7, 8, …], "
      + "expected fewer than 2^63 bits"),
  Broken(
    "byte count beyond 63 bits", #"{"a":\#(entry("F64", "[1152921504606846976]", "[0,0]"))}"#,
    "tensor 'a': found F64 [1152921504606846976], expected fewer than 2^63 bits"),
  Broken(
    "part of a byte", #"{"a":\#(entry("F6_E2M3", "[3]", "[0,3]"))}"#,
    "tensor 'a': found F6_E2M3 [3], expected a whole number of bytes"),
  Broken(
    "three offsets", #"{"a":\#(entry("U8", "[1]", "[0,1,2]"))}"#,
    "tensor 'a': data_offsets: found 3 numbers, expected 2"),
  Broken(
    "reversed offsets", #"{"a":\#(entry("U8", "[1]", "[1,0]"))}"#,
    "tensor 'a': data_offsets: found begin 1 behind end 0"),
  Broken(
    "wrong byte count", #"{"a":\#(entry("F32", "[2,3]", "[0,20]"))}"#,
    "tensor 'a': data_offsets: found 20 bytes, expected 24 for F32 [2, 3]"),
  Broken(
    "hole at the start", #"{"a":\#(entry("U8", "[1]", "[1,2]"))}"#,
    "tensor 'a': found a hole before it: data begins at byte 1, expected 0"),
  Broken(
    "hole", #"{"b":\#(entry("U8", "[1]", "[3,4]")),"a":\#(entry("U8", "[2]", "[0,2]"))}"#,
    "tensor 'b': found a hole before it: data begins at byte 3, expected 2, where tensor 'a' ends"),
  Broken(
    "overlap", #"{"a":\#(entry("U8", "[2]", "[0,2]")),"b":\#(entry("U8", "[2]", "[1,3]"))}"#,
    "tensor 'b': found data beginning at byte 1, expected 2, where tensor 'a' ends"),
  Broken(
    "names that would break the line",
    #"{"a\n\u001b\#(String(repeating: "é", count: 90))":{}}"#,
    #"tensor 'a\n\u{1B}\#(String(repeating: "é", count: 77))…': found no dtype"#),
]

@Test(arguments: brokenText + brokenStrings + brokenMetadata + brokenNumbers + brokenTensors)
func refusesBrokenHeader(broken: Broken) {
  // Data enough for every claim, so that nothing but the header can be at fault.
  let input = bytes(header: broken.header, data: Array(repeating: 0x20, count: 64))
  #expect(refusal(of: input) == broken.message)
}

@Test func refusesStringsThatAreNotUTF8() {
  // Overlong, a surrogate, beyond U+10FFFF, a cut sequence, a stray continuation, no UTF-8 byte.
  for wrong: [UInt8] in [
    [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xFF],
  ] {
    let header = Array(#"{"é"#.utf8) + wrong + Array(#"":1}"#.utf8)
    #expect(refusal(of: bytes(header: header)) == "header byte 4: found bytes that are not UTF-8")
  }
}

@Test func refusesManyTensorsThatAreNotThere() {
  let entries = (0..<20_000).map { #""\#($0)":\#(entry("U8", "[1]", "[\($0),\($0 + 1)]"))"# }
  #expect(
    refusal(of: bytes(header: "{" + entries.joined(separator: ",") + "}", data: [1, 2, 3]))
      == "input ended inside tensor '3': found 3 of 20000 bytes of data")
}

@Test func readsEscapes() throws {
  let header = metadata(#""\"\\\/\b\f\n\r\t":"x\u0000\u00e9\u20AC\ud83d\uDE00\uD7ff\ue000y""#)
  #expect(
    try read(bytes(header: header))?.metadata == [
      "\"\\/\u{8}\u{c}\n\r\t": "x\0é€😀\u{D7FF}\u{E000}y"
    ])
}

@Test func readsWhiteSpaceAndAnyOrderOfKeys() throws {
  let header =
    "{ \"a\" :\n{\t\"data_offsets\": [ 0 ,\r1 ] , \"shape\":[ ] ,\"dtype\" : \"U8\" } }  "
  let document = try read(bytes(header: header, data: [5]))
  #expect(document?.tensors["a"]?.values(of: UInt8.self) == [5])
  #expect(document?.tensors["a"]?.shape == [])
}

@Test func readsAnEmptyListOfMetadata() throws {
  #expect(try read(bytes(header: metadata(""))) == Document())
}
