// Reads pairs of templates, [[before, after], ...], from standard input, and writes for each pair what
// @aws-cdk/cloudformation-diff says of the resources that differ: {logical ID: {property: impact}}. A property without
// an impact is left out.
"use strict";
const { readFileSync } = require("node:fs");
const { fullDiff } = require("@aws-cdk/cloudformation-diff");

const impacts = ([before, after]) => {
  const found = {};
  fullDiff(before, after).resources.forEachDifference((logicalId, change) => {
    const properties = Object.entries(change.propertyUpdates).map(([name, update]) => [name, update.changeImpact]);
    found[logicalId] = { impact: change.changeImpact, properties: Object.fromEntries(properties) };
  });
  return found;
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(impacts)));
