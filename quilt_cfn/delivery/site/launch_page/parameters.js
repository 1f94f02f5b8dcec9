"use strict";

// Values of parameters, accepted or refused as CloudFormation does. Every function here is one of its arguments alone.
// The sentences are those of quilt_cfn/cloudformation/launch/parameter_values.py, which says where they are from; the
// tests compare both.

const LARGEST_VALUE = 4096; // bytes: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html

/** A scalar of a template as the text that CloudFormation makes of it. */
function asText(value) {
  return String(value);
}

function isList(parameter) {
  return /^(CommaDelimitedList|List<)/.test(asText(parameter.Type));
}

const compiled = new Map();

/**
 * A pattern that matches whole values, or null where this browser can't read it.
 *
 * CloudFormation's patterns are Java's. Nested character classes and && mean in the v flag what they mean in Java; what v
 * refuses, such as an unescaped parenthesis in a class, the u flag reads as Java does.
 */
function wholePattern(pattern) {
  if (!compiled.has(pattern)) {
    compiled.set(pattern, null);
    for (const flag of ["v", "u"]) {
      try {
        compiled.set(pattern, new RegExp(`^(?:${pattern})$`, flag));
        break;
      } catch {
        // The next flag, or none: CloudFormation checks it again.
      }
    }
  }
  return compiled.get(pattern);
}

/** The number that a text writes, or null. */
function numberIn(text) {
  return /^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$/.test(text) ? Number(text) : null;
}

/** What a value has to do and does not, as the end of a sentence; null if the parameter's constraints hold. */
function violatedConstraint(parameter, value) {
  if (parameter.AllowedValues && !parameter.AllowedValues.map(asText).includes(value)) return "be one of AllowedValues";
  if (["Number", "List<Number>"].includes(parameter.Type)) {
    const number = numberIn(value);
    if (number === null) return "be a number";
    if (number < Number(parameter.MinValue ?? -Infinity)) return `be a number not less than ${parameter.MinValue}`;
    if (number > Number(parameter.MaxValue ?? Infinity)) return `be a number not greater than ${parameter.MaxValue}`;
    return null;
  }
  const length = [...value].length; // characters, not UTF-16 units
  if (length < Number(parameter.MinLength ?? 0)) return `contain at least ${parameter.MinLength} characters`;
  if (length > Number(parameter.MaxLength ?? Infinity)) return `contain at most ${parameter.MaxLength} characters`;
  if (parameter.AllowedPattern !== undefined && wholePattern(parameter.AllowedPattern)?.test(value) === false) {
    return `match pattern ${parameter.AllowedPattern}`;
  }
  return null;
}

/** CloudFormation's sentence about a value that it refuses; null for one that it accepts. */
function refusalOf(name, parameter, value) {
  const members = isList(parameter) ? value.split(",").map((member) => member.trim()) : [value];
  if (new TextEncoder().encode(members.join(",")).length > LARGEST_VALUE) {
    return `Parameter '${name}' must contain at most ${LARGEST_VALUE} bytes`;
  }
  for (const member of members) {
    const constraint = violatedConstraint(parameter, member);
    if (constraint) {
      return parameter.ConstraintDescription === undefined
        ? `Parameter '${name}' must ${constraint}`
        : `Parameter ${name} failed to satisfy constraint: ${parameter.ConstraintDescription}`;
    }
  }
  return null;
}

// What CloudFormation and EC2 ask of values of AWS's own types, as far as the value alone shows it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html
const AWS_TYPES = {
  "AWS::EC2::KeyPair::KeyName": [/^[\x20-\x7e]{1,255}$/, "the name of a key pair has 1 to 255 ASCII characters"],
  "AWS::EC2::Image::Id": [/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/, "the ID of an image is ami- and 8 or 17 digits or letters a to f"],
  "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>": [
    /^[A-Za-z0-9_./:-]{1,2048}$/,
    "the name of a parameter in Systems Manager has letters, digits and . - _ / alone",
  ],
};

/** Whether a parameter has to get a value from somebody. */
function isRequired(parameter) {
  return parameter.Default === undefined;
}

/** The sentence about what a person has entered for a parameter; null if a launch may have it. */
function complaintAbout(name, parameter, value) {
  if (value === "" && isRequired(parameter)) return `Parameters: [${name}] must have values`;
  const [shape, sentence] = AWS_TYPES[parameter.Type] ?? [/^/, ""];
  return refusalOf(name, parameter, value) ?? (shape.test(value) ? null : `Parameter ${name}: ${sentence}.`);
}

/**
 * The sentence about a value that names another Region than that of the stack; null if it names none or this one.
 *
 * Certificates and snapshots are used in the Region of the stack alone, and zones are parts of it.
 */
function misplaced(value, region) {
  const [, inArn] = value.match(/^arn:[^:]*:[^:]*:([a-z0-9-]+):/) ?? [];
  const [, ofZone] = value.match(/^([a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2})[a-z]$/) ?? [];
  const named = inArn ?? ofZone;
  return named && named !== region ? `This is in ${named}, and the stack would be in ${region}.` : null;
}
