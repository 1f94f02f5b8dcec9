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

// Amounts are US dollars: AWS's price lists of the partition aws have no other currency.
const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const amounts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 4 });

/** Seconds as people say them: 45 s, 12 min. */
function spoken(seconds) {
  return seconds < 100 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** A row of a table: its first cell is a header, and numbers stand at the right. */
function tableRow(first, ...others) {
  const cells = others.map((each) => make("td", typeof each === "string" ? {} : { class: "number" }, String(each)));
  return make("tr", {}, make("th", { scope: "row" }, first), ...cells);
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
  showPicture(editionName(), { ...known, "AWS::Region": region().id });
}
