// A model's page: every figure that it shows, computed again from the evidence that it holds.
const section = find("#recompute"), { main, unit, scored } = section.dataset;
const [button, verdict, headline] = ["#recompute button", "#verdict", "#headline"].map(find);
const SORTED = ["segmentation", "joint_accuracy", "pose3d"]; // Their evidence is sorted by sample id.

const agree = (stated, found) => Number.isNaN(stated) && Number.isNaN(found)
  || Math.abs(stated - found) <= 1e-12 * Math.max(1, Math.abs(found));

const numberOf = (text) => (text.trim() === "–" ? NaN : Number(text.replace("\u2212", "-")));

async function readSeed(block, stated) {
  const bytes = Uint8Array.from(atob(block.textContent.trim()), (letter) => letter.charCodeAt(0)), found = sha256(bytes);
  if (found !== stated) throw new Error(`the evidence has the SHA-256 ${found}, the result states ${stated}`);
  const evidence = await readEvidence(bytes), { ids, metric } = evidence;
  if (new Set(ids).size !== ids.length) throw new Error("the evidence holds a sample id twice");
  if (!SORTED.includes(metric)) return evidence;
  if (ids.length !== Number(scored)) throw new Error(`the evidence has ${ids.length} samples, the result states ${scored}`);
  if (ids.some((id, at) => at && id < ids[at - 1] && !/[\ud800-\udfff]/.test(id + ids[at - 1]))) {
    throw new Error("the sample ids of the evidence are not in their order");
  }
  return evidence;
}

// The figure that a cell states, of all seeds: a score, one of a class, of one seed, or the deviation over seeds.
function figureOf({ figure, group, seed, of }, seeds) {
  if (seed !== undefined) return seeds[seed]?.scores.get(main);
  if (of === "std") {
    const all = seeds.map(({ scores }) => scores.get(main)), center = mean(all);
    return Math.sqrt(sum(all.map((value) => (value - center) ** 2)) / (all.length - 1));
  }
  const all = seeds.map(({ scores, classes }) => (of === "class" ? classes?.get(group) : scores)?.get(figure));
  return all.includes(undefined) ? undefined : mean(all);
}

function compareCells(seeds) {
  const count = { good: 0, bad: 0, unknown: 0, largest: 0 };
  let score;
  for (const cell of findAll("[data-of]")) {
    const stated = numberOf(cell.textContent), found = figureOf(cell.dataset, seeds), shown = cell.nextElementSibling;
    const same = agree(stated, found);
    if (cell.dataset.of === "score" && cell.dataset.figure === main) score = found;
    const kind = found === undefined ? "unknown" : same ? "good" : "bad";
    const value = Number.isNaN(found) ? "not defined" : found;
    shown.textContent = { unknown: "not computed here", good: `✓ ${value}`, bad: `✗ ${value}` }[kind];
    shown.className = kind;
    count[kind]++;
    if (same) count.largest = Math.max(count.largest, Math.abs(stated - found) || 0);
  }
  return { ...count, score };
}

async function recompute() {
  const blocks = findAll("script.evidence"), stated = findAll("code.sha256").map((code) => code.textContent.trim());
  try {
    const read = [];
    for (const [at, block] of blocks.entries()) read.push(await readSeed(block, stated[at]));
    const metric = METRICS.get(read[0].metric);
    if (!metric) return { state: "unknown", text: `This page cannot compute figures of the metric ${read[0].metric}.` };
    const seeds = read.map((evidence) => metric(evidence, unit === "%" ? 100 : 1));
    const { good, bad, unknown, largest, score } = compareCells(seeds);
    if (bad) return { state: "bad", text: `${bad} of ${good + bad} figures do not follow from the evidence (marked ✗).` };
    if (score === undefined) return { state: "unknown", text: "This page cannot compute the main score." };
    if (Math.abs(numberOf(headline.firstChild.data) - score) > 0.00501) {
      return { state: "bad", text: `the evidence gives ${score}, not the score above.` };
    }
    const rest = unknown ? ` Not computed here: ${unknown}.` : "";
    const text = `${good} figures follow from the evidence to ${largest.toPrecision(2)}, and it has the stated SHA-256.${rest}`;
    return { state: "good", score, text };
  } catch (error) {
    return { state: "bad", text: `${error.message}.` };
  }
}

const run = async () => {
  button.disabled = true;
  verdict.textContent = "Computing …";
  const { state, text, score } = await recompute();
  verdict.className = `verdict ${state}`;
  verdict.textContent = { good: "✓ Confirmed: ", bad: "✗ Not confirmed: ", unknown: "" }[state] + text;
  headline.className = state;
  button.disabled = false;
  if (parent !== window) parent.postMessage({ row: section.dataset.row, state, text, score }, "*");
};
button.hidden = false;
button.addEventListener("click", run);
if (location.hash === "#recompute") run();
