// The Rules of a template: which of them refuse a launch. quilt_cfn/cloudformation/launch decides the same in Python; the
// tests compare both. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html

/** Thrown where an assertion depends on something that only the customer's account knows. */
class Undecided extends Error {}

const isTrue = (value) => value === "true";
const asMembers = (value) => (Array.isArray(value) ? value : [value]);
const asTruth = (value) => String(Boolean(value));
const same = (left, right) => JSON.stringify(left) === JSON.stringify(right);
const contains = (members, value) => asMembers(members).some((member) => same(member, value));

// Every scalar is a text, so that true equals "true", and 1 equals "1".
const RULE_FUNCTIONS = {
  "Fn::And": (...operands) => asTruth(operands.every(isTrue)),
  "Fn::Or": (...operands) => asTruth(operands.some(isTrue)),
  "Fn::Not": (operand) => asTruth(!isTrue(operand)),
  "Fn::Equals": (left, right) => asTruth(same(left, right)),
  "Fn::Contains": (members, value) => asTruth(contains(members, value)),
  "Fn::EachMemberEquals": (members, value) => asTruth(asMembers(members).every((member) => same(member, value))),
  "Fn::EachMemberIn": (members, allowed) => asTruth(asMembers(members).every((member) => contains(allowed, member))),
};

/**
 * The value of an expression in Rules: a text or a list of them.
 *
 * `values` has name -> value of parameters and pseudo parameters. Throws Undecided for Fn::RefAll, Fn::ValueOf and
 * Fn::ValueOfAll, which ask the customer's account, and for every name and function that it does not know.
 */
function computeRule(expression, values) {
  if (Array.isArray(expression)) return expression.map((member) => computeRule(member, values));
  if (expression === null || typeof expression !== "object") return asText(expression);
  const [[name, argument]] = Object.entries(expression);
  if (name === "Ref" && Object.hasOwn(values, argument)) return values[argument];
  if (!Object.hasOwn(RULE_FUNCTIONS, name)) throw new Undecided(name);
  return RULE_FUNCTIONS[name](...asMembers(computeRule(argument, values)));
}

/** Whether a condition or an assertion is true; null if it can't be decided here. */
function holds(expression, values) {
  try {
    return isTrue(computeRule(expression, values));
  } catch (error) {
    if (error instanceof Undecided) return null;
    throw error;
  }
}

/** The names that an expression refers to, in its order. */
function referredTo(expression) {
  if (expression === null || typeof expression !== "object") return [];
  return Object.entries(expression).flatMap(([key, value]) => (key === "Ref" ? [value] : referredTo(value)));
}

/** A list of {sentence, names}: why the rules refuse a launch, and what each of these rules refers to. */
function ruleRefusals(rules, values) {
  const refusals = [];
  for (const [name, rule] of Object.entries(rules)) {
    if (holds(rule.RuleCondition ?? true, values) !== true) continue;
    for (const assertion of rule.Assertions) {
      if (holds(assertion.Assert, values) === false) {
        const names = [...new Set([...referredTo(rule.RuleCondition ?? null), ...referredTo(assertion.Assert)])];
        refusals.push({ sentence: assertion.AssertDescription ?? `Rule ${name} failed`, names });
      }
    }
  }
  return refusals;
}
