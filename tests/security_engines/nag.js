// Runs every pack of cdk-nag on the templates that are named, and writes what they find as a list of
// {template, rule, resource}; the resource is a logical ID.
"use strict";
const { basename } = require("node:path");
const { App, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const nag = require("cdk-nag");

const packs = [
  nag.AwsSolutionsChecks,
  nag.HIPAASecurityChecks,
  nag.NIST80053R4Checks,
  nag.NIST80053R5Checks,
  nag.PCIDSS321Checks,
  nag.ServerlessChecks,
];
const found = [];
for (const file of process.argv.slice(2)) {
  const app = new App();
  new CfnInclude(new Stack(app, "stack"), "template", { templateFile: file });
  for (const Pack of packs)
    for (const { ruleName, violatingResources } of new Pack().validateScope(app).violations)
      for (const { constructPath } of violatingResources)
        found.push({
          template: basename(file),
          rule: ruleName,
          resource: constructPath.split("/").pop(),
        });
}
process.stdout.write(JSON.stringify(found));
