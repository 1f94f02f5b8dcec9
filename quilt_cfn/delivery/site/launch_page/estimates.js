// Cost, duration and picture of what was chosen.

/** The picture of a launch, as SVG: `values` has name -> value of parameters and of AWS::Region. */
function pictureFor(pictures, editionName, values, theme) {
  const { examples, drawn } = pictures.editions[editionName];
  const key = pictures.shaping.map((name) => (values[name] ? "1" : "0")).join("");
  // Longest first: db.t3.small has t3.small in it. What replaces them is put in last, so that nothing replaces a part of it.
  const names = Object.keys(examples).sort((a, b) => examples[b].length - examples[a].length);
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const draw = (line) => {
    if (!/^<(text|title|desc)/.test(line)) return line;
    const marked = names.reduce((text, name, index) => text.replaceAll(examples[name], `\uE000${index}\uE001`), line);
    const own = marked.replace(/\uE000(\d+)\uE001/g, (_, index) => escaped(values[names[index]] ?? examples[names[index]]));
    // The width is that of the example.
    return own === line ? line : own.replace(/ textLength="[^"]*" lengthAdjust="[^"]*"/g, "");
  };
  return drawn[theme][key].map((index) => draw(pictures.lines[index])).join("\n");
}

/** What the description of a picture says, as plain text. */
function wordsOf(svg) {
  const [, words] = svg.match(/<desc[^>]*>(.*?)<\/desc>/s);
  const characters = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
  return words.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => characters[name]);
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function showPicture(editionName, values) {
  const svg = pictureFor(data.pictures, editionName, values, dark.matches ? "dark" : "light");
  byId("picture").src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  byId("picture").alt = `The architecture of the registry in ${region().name}`;
  byId("picture-words").textContent = wordsOf(svg);
}

/**
 * The row of a table for what was chosen; undefined if there is none. models.py says what a table is.
 *
 * `values` has name -> value of parameters and of AWS::Region.
 */
function rowFor({ by, rows }, values) {
  const key = by.map((name) => (name.endsWith("?") ? (values[name.slice(0, -1)] ? "yes" : "no") : values[name]));
  return rows[key.join("|")] ?? rows[["*", ...key.slice(1)].join("|")];
}

/** What a month costs, as {items, total, unknown}: of the items with a price, and how many have none. */
function costOf(model, values) {
  const items = model.items.flatMap((item) => {
    const row = rowFor(item, values);
    if (!row) return [];
    const quantity = row.quantity * (item.times ? Number(values[item.times]) : 1);
    return [{ ...row, part: item.part, unit: item.unit, quantity, amount: row.price === null ? null : quantity * row.price }];
  });
  const known = items.filter(({ amount }) => amount !== null);
  const total = known.reduce((sum, { amount }) => sum + amount, 0);
  return { items, total, unknown: items.length - known.length };
}

// The price lists of the partition aws are in US dollars.
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const numbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });

/** Seconds as people say them: 45 s, 12 min. */
function spoken(seconds) {
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** An item of a list: where a price is from, and when it was true. */
function sourceOf({ source, date }) {
  if (!/^https:/.test(source)) return make("li", {}, `${source}, ${date}`);
  const { host, pathname } = new URL(source);
  const [owner, repository, ...rest] = pathname.split("/").filter(Boolean);
  const text = [host, owner, repository].filter(Boolean).join("/");
  const link = make("a", { href: source, target: "_blank", rel: "noopener noreferrer" }, `${text} ${rest.at(-1) ?? ""}`.trim());
  return make("li", {}, link, `, ${date}`);
}

function showCost(model, values) {
  byId("cost").hidden = byId("cost-summary").hidden = !model;
  if (!model) return;
  const { items, total, unknown } = costOf(model, values);
  const missing = unknown ? `${count(unknown, "price")} unknown` : "";
  byId("cost-figure").replaceChildren(`${dollars.format(total)} a month`, make("small", {}, missing));
  const calculator = { href: "https://calculator.aws/", target: "_blank", rel: "noopener noreferrer" };
  const elsewhere = [` ${missing} in ${region().name}: see the `, make("a", calculator, "AWS Pricing Calculator"), "."];
  byId("cost-text").replaceChildren(
    `${dollars.format(total)} a month for what has a known price, before taxes and discounts.`,
    ...(unknown ? elsewhere : []),
  );
  const rows = items.map(({ part, what, quantity, unit, amount, grade }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, part),
      make("td", {}, what),
      make("td", { class: "number" }, `${numbers.format(quantity)} ${unit}`),
      make("td", { class: "number" }, amount === null ? "unknown" : dollars.format(amount)),
      make("td", {}, grade),
    ),
  );
  byId("cost-rows").replaceChildren(...rows);
  const sources = new Map(items.filter(({ price }) => price !== null).map((item) => [item.source + item.date, item]));
  const grades = Object.entries(model.grades).map(([grade, meaning]) => make("li", {}, `${grade}: ${meaning}`));
  byId("cost-sources").replaceChildren(...grades, ...[...sources.values()].map(sourceOf));
  byId("cost-excluded").replaceChildren(...model.excluded.map((text) => make("li", {}, text)));
}

function showDuration(model, values) {
  const row = model && rowFor(model, values);
  byId("duration").hidden = byId("duration-summary").hidden = !row;
  if (!row) return;
  const range = `${spoken(row.low)} to ${spoken(row.high)}`;
  byId("duration-figure").replaceChildren(`about ${spoken(row.typical)}`, make("small", {}, range));
  byId("duration-text").textContent = `About ${spoken(row.typical)}, ${range}. ${model.source}`;
  const steps = row.steps.map(({ what, start, typical, low, high }) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("span"));
    bar.firstChild.style.setProperty("--start", `${(100 * start) / row.typical}%`);
    bar.firstChild.style.setProperty("--length", `${(100 * typical) / row.typical}%`);
    const time = make("span", { class: "number" }, `${spoken(typical)} (${spoken(low)} to ${spoken(high)})`);
    return make("li", {}, make("span", {}, what), " ", time, bar);
  });
  byId("duration-steps").replaceChildren(...steps);
}

/** Show what follows from the values that are accepted: for others, from their defaults. */
function showEstimates(values) {
  const { parameters } = edition();
  const known = Object.fromEntries(
    Object.entries(parameters).map(([name, parameter]) => {
      const value = values[name];
      const accepted = value !== undefined && complaintAbout(name, parameter, value) === null;
      return [name, accepted ? value : defaultOf(parameter)];
    }),
  );
  const choices = { ...known, "AWS::Region": region().id };
  showCost(data.costs[editionName()], choices);
  showDuration(data.durations[editionName()], choices);
  showPicture(editionName(), choices);
}
