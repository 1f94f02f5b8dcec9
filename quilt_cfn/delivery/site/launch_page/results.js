// What comes out: links to the console, the commands, and the file of parameters. None of these functions is ever given a
// secret: `values` has the other parameters alone.

// What every server should accept at least: https://www.rfc-editor.org/rfc/rfc9110#section-4.1
const LONGEST_LINK = 8000;

/** The text of a parameter's default; null if it has none. */
function defaultOf(parameter) {
  return parameter.Default === undefined ? null : asText(parameter.Default);
}

/**
 * Where a page or template at an address lies, as {region, folder}; null if that is no address in a bucket of S3, from
 * which alone CloudFormation launches.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 */
function publishedAt(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  const host = /^(?:[a-z0-9.-]+\.)?s3[.-](?:dualstack\.)?([a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2})\.amazonaws\.(?:com|com\.cn|eu)$/;
  const [, region] = url.host.match(host) ?? [];
  if (url.protocol !== "https:" || !region || url.username || url.password) return null;
  return { region, folder: `${url.origin}${url.pathname.replace(/[^/]*$/, "")}` };
}

/**
 * The address that opens CloudFormation's console in a Region with a template and values, and the names of those values
 * that would make it too long, as {url, left}.
 *
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
 */
function consoleLink(region, console_, template, stackName, values) {
  let url = `https://${region}.${console_}/cloudformation/home?region=${region}#/stacks/create/review`;
  url += `?templateURL=${encodeURIComponent(template)}&stackName=${encodeURIComponent(stackName)}`;
  const left = [];
  for (const [name, value] of Object.entries(values)) {
    const more = `&param_${name}=${encodeURIComponent(value)}`;
    if (url.length + more.length > LONGEST_LINK) left.push(name);
    else url += more;
  }
  return { url, left };
}

/** A value as JSON in ASCII, which programs read alike whatever encoding they expect. */
function asciiJson(value) {
  return JSON.stringify(value).replace(
    /[^\x00-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An entry of a list of parameters; the value is JSON, or what a shell replaces by that. */
function parameterEntry(name, json) {
  return `{"ParameterKey": "${name}", "ParameterValue": ${json}}`;
}

/** Values as the AWS CLI, `aws cloudformation`, and `quilt-cfn check --parameters` read them. */
function parametersFile(values) {
  const entries = Object.entries(values).map(([name, value]) => `  ${parameterEntry(name, asciiJson(value))}`);
  return `[\n${entries.join(",\n")}\n]\n`;
}

/** The values in a file of parameters: name -> text. Throws an Error, with a sentence, for anything else. */
function valuesInFile(text) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error("The file is not JSON.");
  }
  const map = document?.Parameters ?? document;
  const pairs = Array.isArray(map)
    ? map.map((each) => [each?.ParameterKey, each?.ParameterValue])
    : Object.entries(typeof map === "object" ? (map ?? {}) : {});
  const good = ([name, value]) => typeof name === "string" && ["string", "number"].includes(typeof value);
  if (pairs.length === 0 || !pairs.every(good)) throw new Error("The file has no list of parameters.");
  return new Map(pairs.map(([name, value]) => [name, asText(value)]));
}

/** A text as one word of a shell. */
function shellWord(text) {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * Commands for a terminal that create the stack: a change set is made, shown, and executed after a yes.
 *
 * `secrets` is a list of [name, label]: bash asks for each without showing it. They go to the AWS CLI through its standard
 * input, so that they are in no file, and no list of processes shows them. The script comes to bash by a descriptor of
 * its own, because the standard input is the terminal, and works in every shell of today from which it is started.
 */
function launchCommands(region, template, stackName, values, secrets, capabilities) {
  const entries = Object.entries(values).map(([name, value]) => shellWord(parameterEntry(name, asciiJson(value))));
  const asked = secrets.map(([name]) => `"${parameterEntry(name, `$${name}`).replaceAll('"', '\\"')}"`);
  const lines = [...entries, ...asked].map((each, index, all) => {
    const comma = index + 1 < all.length ? each.replace(/(.)$/, ",$1") : each;
    return `    ${comma} \\`;
  });
  const ask = String.raw`# Reads a secret without showing it, and prints it as JSON.
ask() {
  local secret json= i
  IFS= read -rsp "$1: " secret
  echo >&2
  for ((i = 0; i < ${"$"}{#secret}; i++)); do
    case ${"$"}{secret:i:1} in
      ['"\']) json+='\'${"$"}{secret:i:1} ;;
      *) json+=${"$"}{secret:i:1} ;;
    esac
  done
  printf '"%s"' "$json"
}`;
  return [
    "bash /dev/fd/3 3<<'END_OF_LAUNCH'",
    "set -euo pipefail",
    `export AWS_DEFAULT_REGION=${region} AWS_REGION=${region} AWS_PAGER=`,
    `stack=(--stack-name ${shellWord(stackName)})`,
    "changes=(\"${stack[@]}\" --change-set-name launch)",
    ...(secrets.length ? [ask] : []),
    ...secrets.map(([name, label]) => `${name}=$(ask ${shellWord(label)})`),
    "parameters() {",
    "  printf '%s\\n' '[' \\",
    ...lines,
    "    ']'",
    "}",
    'parameters | aws cloudformation create-change-set "${changes[@]}" --change-set-type CREATE \\',
    `  --template-url ${shellWord(template)} \\`,
    `  --capabilities ${capabilities.join(" ")} --parameters file:///dev/stdin`,
    'aws cloudformation wait change-set-create-complete "${changes[@]}"',
    'aws cloudformation describe-change-set "${changes[@]}" --output table \\',
    "  --query 'Changes[].ResourceChange.[Action, ResourceType, LogicalResourceId]'",
    "read -rp 'Create all of this? (yes/no) ' answer",
    'if [ "$answer" != yes ]; then',
    '  aws cloudformation delete-stack "${stack[@]}"',
    "  echo 'Nothing was created.'",
    "  exit",
    "fi",
    'aws cloudformation execute-change-set "${changes[@]}"',
    "echo 'The stack is being created ...'",
    'aws cloudformation wait stack-create-complete "${stack[@]}" || {',
    '  aws cloudformation describe-stack-events "${stack[@]}" --output table \\',
    "    --query \"StackEvents[?ResourceStatus=='CREATE_FAILED'].[LogicalResourceId, ResourceStatusReason]\"",
    "  exit 1",
    "}",
    'aws cloudformation describe-stacks "${stack[@]}" --output table \\',
    "  --query 'Stacks[0].Outputs[].[OutputKey, OutputValue]'",
    "END_OF_LAUNCH",
  ].join("\n");
}
