import Foundation
import Scratch
import Testing

/// Options of `nn-update` and `nn-train` that do not go together, or not with the model.
@Suite struct BadUpdateOptionTests {
  private static let update =
    "nn-update -m model.safetensors.gz gradient.safetensors.gz -o out.gz --rate 1"

  private static let together: [(options: String, message: String)] = [
    ("--beta1 0.9", "--beta1 goes with --optimizer adam or adamw or lion"),
    ("--beta2 0.9 --optimizer rmsprop", "--beta2 goes with --optimizer adam or adamw or lion"),
    ("--momentum 0.9", "--momentum goes with --optimizer momentum or nesterov"),
    ("--alpha 0.9 --optimizer adam", "--alpha goes with --optimizer rmsprop"),
    (
      "--epsilon 1 --optimizer nesterov",
      "--epsilon goes with --optimizer adagrad or rmsprop or adam or adamw"
    ),
    (
      "--optimizer momentum --momentum 1",
      "--momentum: found '1', expected a number from 0 to below 1"
    ),
    ("--optimizer adam --epsilon 0", "--epsilon: found '0', expected a finite number above 0"),
    ("--schedule-epochs 3", "--schedule-epochs goes with --schedule cosine or one-cycle"),
    ("--schedule cosine --schedule-every 3", "--schedule-every goes with --schedule step"),
    (
      "--schedule cosine --schedule-factor 0.5",
      "--schedule-factor goes with --schedule step or exponential or plateau"
    ),
    ("--schedule-patience 3", "--schedule-patience goes with --schedule plateau"),
    ("--schedule one-cycle --final-factor 0.1", "--final-factor goes with --schedule cosine"),
    ("--validation-loss 0.5", "--validation-loss goes with --schedule plateau"),
    ("--schedule step", "--schedule step needs --schedule-every"),
    ("--schedule exponential", "--schedule exponential needs --schedule-factor"),
    (
      "--schedule cyclic",
      "--schedule: found 'cyclic', expected constant or step or exponential or cosine or one-cycle "
        + "or plateau"
    ),
    ("--clip-norm 0", "--clip-norm: found '0', expected a finite number above 0"),
    ("--l2 -1", "--l2: found '-1', expected a finite number, 0 or above"),
    ("--weight-decay inf", "--weight-decay: found 'inf', expected a finite number, 0 or above"),
    (
      "--weight-decay 1.5",
      "--rate 1 times --weight-decay 1.5 is 1.5, expected less than 1, or no weight keeps its sign"
    ),
    (
      "--optimizer adamw --layer-rate dense1=200",
      "--layer-rate dense1=200 times --weight-decay 0.01 is 2, expected less than 1, or no weight "
        + "keeps its sign"
    ),
    (
      "--freeze dense1,,dense2",
      "--freeze: found 'dense1,,dense2', expected names of layers, each once, with commas between them"
    ),
    (
      "--layer-rate dense1=0",
      "--layer-rate: found 'dense1=0', expected LAYER=RATE, each layer once, with commas between "
        + "them and rates above 0"
    ),
    (
      "--layer-rate dense1=1 --freeze dense2,dense1",
      "--freeze and --layer-rate both name the layer 'dense1'"
    ),
    (
      "--layer-rate dense1=1,dense2=2 --layer-rate dense2=3",
      "--layer-rate: found rates 2 and 3 for the layer 'dense2'"
    ),
  ]

  @Test(arguments: together) func optionsThatDoNotGoTogether(
    _ options: String, _ message: String
  ) throws {
    let words = "\(Self.update) \(options)".split(separator: " ").map(String.init)
    try expectRefusal(
      words[0], Array(words.dropFirst()), 64, "\(message) (see nn-update --help)",
      in: Step.folder())
  }

  @Test func aScheduleNeedsItsLength() throws {
    try expectRefusal(
      sh: "\(Self.update) --schedule cosine", 64,
      "nn-update: --schedule cosine needs --schedule-epochs (see nn-update --help)",
      in: Step.folder())
  }

  @Test func whatRepeatedOptionsNameCountsTogether() throws {
    let folder = try Step.folder()
    let outcome = try Tool.sh(
      """
      \(Self.update) --freeze dense1 --freeze dense2 && nn-inspect out.gz | grep -o freeze=.*
      \(Self.update) --layer-rate dense1=2 --layer-rate dense2=3 --layer-rate dense2=3 -o rates.gz
      nn-inspect rates.gz | grep -o layer-rate=.*
      """, in: folder)
    #expect(outcome.message == "")
    #expect(
      Set(outcome.text.split(separator: "\n")) == [
        "freeze=dense1,dense2", "layer-rate=dense1=2,dense2=3",
      ])
  }

  @Test func whatDoesNotGoWithTheModel() throws {
    let folder = try Step.folder()
    let model = "nn-update: model.safetensors.gz"
    try expectRefusal(
      sh: "\(Self.update) --freeze dense3", 65,
      "\(model): --freeze: found layer 'dense3', expected one of: dense1 dense2", in: folder)
    try expectRefusal(
      sh: "\(Self.update) --schedule plateau --validation-loss 1", 65,
      "\(model): --validation-loss: the model has finished no epoch, so none can have been measured",
      in: folder)
  }

  @Test func stateOfAnotherRuleIsDroppedOnlyWhenToldSo() throws {
    let folder = try Step.folder()
    let adam = try Tool.sh(
      "nn-update -m model.safetensors.gz --rate 1 --optimizer adam gradient.safetensors.gz -o adam.gz",
      in: folder)
    #expect(adam.status == 0, "\(adam.message)")
    let reason =
      "adam.gz: tensor 'optimizer.dense1.bias.first_moment': not of the rule sgd for this model "
      + "(--reset-optimizer drops it)"
    try expectRefusal(
      "nn-update", ["-m", "adam.gz", "--rate", "1", "gradient.safetensors.gz", "-o", "out.gz"], 65,
      reason, in: folder)
    try expectRefusal(
      "nn-train",
      ["-m", "adam.gz", "--rate", "1", "--epochs", "2", "data.safetensors", "-o", "out.gz"], 65,
      reason, in: folder)
    let outcome = try Tool.sh(
      "nn-update -m adam.gz --rate 1 --reset-optimizer gradient.safetensors.gz -o out.gz "
        + "&& nn-inspect out.gz | grep -c optimizer.dense", in: folder)
    #expect(outcome.text == "0\n")
  }

  @Test func plateauWantsALossForEveryEpoch() throws {
    let folder = try Step.folder()
    let train = "nn-train data.safetensors --rate 1 --schedule plateau"
    try expectRefusal(
      sh: "\(train) -m model.safetensors.gz --epochs 2 -o out.gz", 64,
      "nn-train: --schedule plateau: nn-train can go one epoch at a time, to --epochs 1: every "
        + "further one needs another --validation-loss", in: folder)
    let first = try Tool.sh(
      "\(train) -m model.safetensors.gz --epochs 1 -o first.gz", in: folder)
    #expect(first.status == 0, "\(first.message)")
    try expectRefusal(
      sh: "\(train) -m first.gz --epochs 2 -o out.gz", 65,
      "nn-train: data.safetensors: epoch 2: step 1: nn.validation: no loss for epoch 1, by which "
        + "--schedule plateau goes (--validation-loss)", in: folder)
    let outcome = try Tool.sh(
      "\(train) -m first.gz --validation-loss 0.25 --epochs 2 -o out.gz "
        + "&& nn-inspect out.gz | grep nn.validation", in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("1=0.25"), "\(outcome.text)\(outcome.message)")
  }
}
