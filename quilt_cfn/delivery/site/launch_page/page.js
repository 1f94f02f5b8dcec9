// The page itself: reads the form, and shows what follows from it after every change. Whatever is shown goes into the
// document as text. Nothing is stored. What is typed as a secret is judged in problems(), and goes no further.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

/** An element with attributes and children, which are elements or texts. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// What the form says.

const touched = new Set(); // ids of controls that were left once, or were asked for: these show what is wrong

const editionName = () => document.querySelector("input[name=edition]:checked").value;
const edition = () => data.editions[editionName()];
const region = () => data.regions.find((each) => each.id === byId("region").value);
const isSecret = (name) => asText(edition().parameters[name].NoEcho) === "true";
const names = () => all(".field [name]", byId("fill-in")).map((each) => each.name).filter((name) => name in edition().parameters);

/** What a control holds; a number field hides from scripts what is no number. */
function entered(name) {
  const control = byId(name);
  return control.validity.badInput ? "?" : control.value;
}

/** Name -> value of the parameters that are no secrets, but those that are empty and have no default. */
function openValues() {
  const pairs = names().filter((name) => !isSecret(name)).map((name) => [name, entered(name)]);
  return Object.fromEntries(pairs.filter(([name, value]) => value !== "" || !isRequired(edition().parameters[name])));
}

/** Of some values, those that differ from the template's defaults. */
function chosen(values) {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => value !== defaultOf(edition().parameters[name])),
  );
}

/** Where the templates lie, as publishedAt gives it; null if nobody knows. */
function published() {
  return publishedAt(location.href) ?? publishedAt(byId("address").value.trim());
}

const partitionOf = (id) => data.regions.find((each) => each.id === id)?.partition;

/** The Regions in which the templates can be launched: those of the partition of their bucket, or all while nobody knows. */
function regionsInReach() {
  const place = published();
  return data.regions.filter((each) => !place || each.partition === partitionOf(place.region));
}

/** What a stack in a Region would be refused for: a list of {id, sentence, missing}, where id is that of a control. */
function problems(where) {
  const found = [];
  const { parameters, supplied, rules } = edition();
  for (const name of names()) {
    const value = entered(name);
    const left = value === "" && isRequired(parameters[name]);
    // A secret is asked for where the stack is launched, and the image of Marketplace's edition is filled in there.
    if (left && (isSecret(name) || supplied.includes(name))) continue;
    const sentence = complaintAbout(name, parameters[name], value) ?? misplaced(value, where);
    if (sentence) found.push({ id: name, sentence, missing: left });
  }
  const wrong = new Set(found.map(({ id }) => id));
  const values = { ...Object.fromEntries(names().map((name) => [name, entered(name)])), "AWS::Region": where };
  for (const { sentence, names: involved } of ruleRefusals(rules, values)) {
    if (involved.some((name) => wrong.has(name))) continue;
    const id = involved.filter((name) => name in parameters).sort((a, b) => names().indexOf(a) - names().indexOf(b)).pop();
    found.push({ id: id ?? "region", sentence, missing: false, involved });
  }
  return found;
}

/** What is wrong with stack name and address, in the same form. */
function problemsOfPlace() {
  const found = [];
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
  if (!/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(byId("stack-name").value)) {
    const sentence = "A stack's name has letters, digits and hyphens, begins with a letter, and has at most 128 characters.";
    found.push({ id: "stack-name", sentence, missing: byId("stack-name").value === "" });
  }
  if (!published()) {
    const sentence = "An address begins with https:// and names a bucket and its Region: https://BUCKET.s3.REGION.amazonaws.com/";
    found.push({ id: "address", sentence, missing: byId("address").value === "" });
  }
  return found;
}

/** The name of a field for people. */
function labelOf(id) {
  return data.labels[id] ?? document.querySelector(`label[for="${id}"]`).textContent;
}

// What is shown.

let announced = "";
let announcing = 0;

/** Have screen readers say something, once people pause. */
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    if (text !== announced) byId("announcements").textContent = announced = text;
  }, 700);
}

function showField(id, sentence) {
  const control = byId(id);
  const shown = Boolean(sentence) && touched.has(id);
  const error = byId(`${id}-error`);
  error.hidden = !shown;
  error.textContent = shown ? sentence : "";
  if (shown) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
  const field = control.closest(".field");
  field.classList.toggle("refused", shown);
  field.classList.toggle("accepted", !sentence && control.value !== "" && control.value !== (defaultOf(edition().parameters[id] ?? {}) ?? ""));
}

function showFields(wrong) {
  const sentences = new Map();
  for (const { id, sentence, involved = [] } of wrong) {
    if (involved.some((name) => touched.has(name))) touched.add(id);
    if (!sentences.has(id)) sentences.set(id, sentence);
  }
  if (sentences.has("region")) touched.add("region");
  for (const id of [...names(), "region", "stack-name", "address"]) showField(id, sentences.get(id));
}

/** Which fields and groups the edition has, and how many of a group differ from the defaults. */
function showForm() {
  for (const each of all("[data-editions]")) each.hidden = !each.dataset.editions.split(" ").includes(editionName());
  byId("field-address").hidden = publishedAt(location.href) !== null;
  const inReach = new Set(regionsInReach().map((each) => each.id));
  for (const option of byId("region").options) option.hidden = option.disabled = !inReach.has(option.value);
  if (!inReach.has(byId("region").value)) byId("region").value = (published() ?? { region: "" }).region;
  const values = chosen(openValues());
  for (const group of all("details.group")) {
    const changed = all("[name]", group).filter((each) => each.name in values).length;
    group.querySelector(".changes").textContent = changed ? `${changed} changed` : "";
  }
}

function count(number, singular, plural = `${singular}s`) {
  return `${number} ${number === 1 ? singular : plural}`;
}

function showSummary(wrong) {
  const missing = wrong.filter((each) => each.missing).length;
  const refused = wrong.length - missing;
  const parts = [missing && `${count(missing, "value")} missing`, refused && `${refused} refused`].filter(Boolean);
  const done = parts.length === 0;
  const summary = byId("summary");
  summary.classList.toggle("complete", done);
  byId("summary-title").textContent = done ? "Ready to launch" : `Not yet: ${parts.join(", ")}`;
  byId("summary-text").textContent = done
    ? `Every value would be accepted in ${region().name}.`
    : "What is below appears once these are filled in:";
  const links = wrong.map(({ id, sentence }) => {
    const link = make("a", { href: `#${id}` }, labelOf(id));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(id);
    });
    return make("li", {}, link, `: ${sentence}`);
  });
  byId("problems").replaceChildren(...links);
  byId("progress").textContent = done ? "complete" : parts.join(", ");
  byId("check").textContent = done ? "Go to the launch" : "Check the form";
  announce(done ? "The form is complete." : `${parts.join(", ")}.`);
  return done;
}

/** Move the focus to a control, and open what hides it. */
function goTo(id) {
  byId(id).closest("details")?.setAttribute("open", "");
  byId(id).focus();
}

/** An item of a list: the link to another Region, without the values that belong to this one, or why there is none. */
function linkElsewhere(where, template, stackName, values) {
  const movable = Object.fromEntries(Object.entries(values).filter(([, value]) => !misplaced(value, where.id)));
  const everything = Object.fromEntries(names().map((name) => [name, entered(name)]));
  const [refusal] = ruleRefusals(edition().rules, { ...everything, "AWS::Region": where.id });
  if (refusal) return make("li", {}, `${where.name}: ${refusal.sentence}`);
  const { url } = consoleLink(where.id, where.console, template, stackName, movable);
  return make("li", {}, make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, where.name));
}

function showConsole(secrets, values) {
  const place = published();
  const template = `${place.folder}${edition().file}`;
  const stackName = byId("stack-name").value;
  const here = edition().region ? data.regions.find((each) => each.id === edition().region) : region();
  const link = consoleLink(here.id, here.console, template, stackName, values);
  byId("open").href = link.url;
  byId("open").textContent = `Open the console in ${here.name}`;
  byId("open").classList.toggle("secondary", edition().region !== null);
  const byHand = [...secrets, ...link.left].map(labelOf).join(", ");
  const forPublisher = edition().region
    ? "Only the publisher's own account can use this link: others have no access to the machine image outside of AWS Marketplace. "
    : "";
  byId("by-console-text").textContent =
    `${forPublisher}The form opens with these values. Enter there what no link may carry: ${byHand}. ` +
    "Nothing is created before you acknowledge the IAM resources and create the stack.";
  const others = edition().region ? [] : regionsInReach().filter((each) => each !== here);
  byId("other-regions").hidden = others.length === 0;
  byId("links").replaceChildren(...others.map((each) => linkElsewhere(each, template, stackName, values)));
  const asked = secrets.map((name) => [name, labelOf(name)]);
  byId("commands").textContent = launchCommands(here.id, template, stackName, values, asked, edition().capabilities);
}

let download = "";

function showFile(values) {
  const text = parametersFile(values);
  byId("file").textContent = text;
  URL.revokeObjectURL(download);
  download = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  byId("download").href = download;
}

/** The values as people type them into the form that Marketplace opens. */
function showValues(values) {
  const rows = Object.entries(values).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, labelOf(name)), make("td", {}, make("code", {}, value))),
  );
  byId("values").replaceChildren(...rows);
}

function showResults(complete) {
  const values = openValues();
  const baked = edition().region !== null;
  const secrets = names().filter(isSecret);
  byId("by-marketplace").hidden = !(baked && complete);
  byId("by-console").hidden = !complete || (baked && partitionOf(edition().region) !== partitionOf(published().region));
  byId("by-commands").hidden = !complete || baked;
  for (const each of all(".region-name")) each.textContent = region().name;
  showFile(values);
  if (complete) {
    showValues(chosen(values));
    showConsole(secrets, chosen(values));
  }
}

function update() {
  showForm();
  const wrong = [...problemsOfPlace(), ...problems(region().id)];
  showFields(wrong);
  const complete = showSummary(wrong);
  showResults(complete);
  showEstimates(openValues());
}

// What people do.

/** Copy the text of an element, and say so. */
async function copy(button) {
  const source = byId(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(source.textContent);
    announce(`${button.dataset.what} copied.`);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  } catch {
    source.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(source);
    announce("This browser does not let pages copy: the text is selected, copy it by hand.");
  }
}

function reveal(button) {
  const shown = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(shown));
  button.textContent = shown ? "Hide" : "Show";
  byId(button.dataset.reveals).type = shown ? "text" : "password";
}

/** Fill in the values of a file; secrets and names that the edition lacks are left out, and named. */
function fillIn(values) {
  const known = new Set(names());
  const left = [...values.keys()].filter((name) => !known.has(name) || isSecret(name));
  for (const [name, value] of values) {
    if (left.includes(name)) continue;
    const control = byId(name);
    const fits = control.tagName !== "SELECT" || [...control.options].some((option) => option.value === value);
    if (!fits || (control.type === "number" && numberIn(value) === null)) {
      left.push(name);
      continue;
    }
    control.value = value;
    touched.add(name);
  }
  const read = values.size - left.length;
  return `${count(read, "value")} filled in.${left.length ? ` Left out: ${left.join(", ")}.` : ""}`;
}

async function load(input) {
  const [file] = input.files;
  if (!file) return;
  let result;
  try {
    if (file.size > 1_000_000) throw new Error("The file is too large.");
    result = fillIn(valuesInFile(await file.text()));
  } catch (error) {
    result = `${file.name} can't be used: ${error.message}`;
  }
  input.value = "";
  byId("load-result").textContent = result;
  update();
}

function checkAll() {
  for (const name of [...names(), "region", "stack-name", "address"]) touched.add(name);
  update();
  byId("summary").scrollIntoView({ block: "center" });
  byId("summary").focus({ preventScroll: true });
}

document.addEventListener("input", (event) => {
  if (event.target.id === "load") return;
  // Whoever chooses from a list has chosen; whoever types is told once the field is left.
  if (event.target.matches("select, [type=radio]")) touched.add(event.target.id);
  update();
});
document.addEventListener("focusout", (event) => {
  const control = event.target;
  if (!control.closest?.(".field") || !control.id || control.matches("button")) return;
  if (control.value !== "" || control.hasAttribute("aria-required")) touched.add(control.id);
  update();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copies) copy(button);
  if (button?.dataset.reveals) reveal(button);
  if (button?.id === "check") checkAll();
});
dark.addEventListener("change", update);
byId("load").addEventListener("change", (event) => load(event.target));
byId("form").addEventListener("submit", (event) => event.preventDefault());

const here = publishedAt(location.href);
if (here && data.regions.some((each) => each.id === here.region)) byId("region").value = here.region;
document.documentElement.classList.add("running");
update();
