// A model's page: every figure that it shows, computed again from the evidence that it holds.
const TOLERANCE = 1e-12;
const SORTED = ["segmentation", "joint_accuracy", "pose3d"];

const agree = (stated, found) =>
  Number.isNaN(stated) || Number.isNaN(found)
    ? Number.isNaN(stated) && Number.isNaN(found)
    : Math.abs(stated - found) <= TOLERANCE * Math.max(1, Math.abs(stated), Math.abs(found));

function decode(text) {
  return Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
}

async function readSeed(block, stated, section) {
  const bytes = decode(block.textContent), found = sha256(bytes);
  if (found !== stated) throw new Error(`the evidence has the SHA-256 ${found}, the result states ${stated}`);
  const evidence = await readEvidence(bytes), { ids, metric } = evidence;
  if (new Set(ids).size !== ids.length) throw new Error("the evidence holds a sample id twice");
  if (!SORTED.includes(metric)) return evidence;
  const scored = Number(section.dataset.scored);
  if (ids.length !== scored) throw new Error(`the evidence has ${ids.length} samples, the result states ${scored}`);
  if (ids.some((id, at) => at && id < ids[at - 1] && !/[\ud800-\udfff]/.test(id + ids[at - 1]))) {
    throw new Error("the sample ids of the evidence are not in their order");
  }
  return evidence;
}

// The figure that a cell states, of all seeds: a score, one of a class, of one seed, or the deviation over seeds.
function figureOf({ figure, group, seed, of }, seeds, main) {
  if (seed !== undefined) return seeds[seed]?.scores.get(main);
  if (of === "std") {
    const all = seeds.map(({ scores }) => scores.get(main)), center = mean(all);
    return Math.sqrt(sum(all.map((value) => (value - center) ** 2)) / (all.length - 1));
  }
  const all = seeds.map(({ scores, classes }) => (of === "class" ? classes?.get(group) : scores)?.get(figure));
  return all.includes(undefined) ? undefined : mean(all);
}

function compareCells(section, seeds) {
  const { main } = section.dataset, count = { same: 0, other: 0, unknown: 0, largest: 0 };
  let score;
  for (const cell of document.querySelectorAll("[data-of]")) {
    const stated = cell.textContent.trim() === "–" ? NaN : Number(cell.textContent.replace("\u2212", "-"));
    const found = figureOf(cell.dataset, seeds, main), shown = cell.nextElementSibling;
    const same = found !== undefined && agree(stated, found);
    if (cell.dataset.of === "score" && cell.dataset.figure === main) score = found;
    shown.textContent = found === undefined ? "not computed here"
      : `${same ? "✓" : "✗"} ${Number.isNaN(found) ? "not defined" : found}`;
    shown.className = found === undefined ? "soft" : same ? "good" : "bad";
    count[found === undefined ? "unknown" : same ? "same" : "other"]++;
    if (same && !Number.isNaN(found)) count.largest = Math.max(count.largest, Math.abs(stated - found));
  }
  return { ...count, score };
}

async function recompute(section) {
  const blocks = [...document.querySelectorAll("script.evidence")];
  const stated = [...document.querySelectorAll("code.sha256")].map((one) => one.textContent.trim());
  try {
    const read = [];
    for (const [at, block] of blocks.entries()) read.push(await readSeed(block, stated[at], section));
    const metric = METRICS.get(read[0].metric);
    if (!metric) return { state: "unknown", text: `This page has no rules for the metric ${read[0].metric}, so it cannot compute its figures; “leaderboard verify” can.` };
    const seeds = read.map((evidence) => metric(evidence, section.dataset.unit === "%" ? 100 : 1));
    const { same, other, unknown, largest, score } = compareCells(section, seeds);
    const rest = unknown ? ` ${unknown} others are of kinds that this page does not compute.` : "";
    if (other) return { state: "bad", text: `${other} of ${same + other} figures do not follow from the evidence; they are marked ✗ below.${rest}` };
    if (score === undefined) return { state: "unknown", text: `This page cannot compute the main score from evidence of the metric ${read[0].metric}.` };
    const files = blocks.length > 1 ? `${blocks.length} evidence files` : "the evidence file";
    return { state: "good", score, text: `All ${same} figures follow from ${files} (largest difference ${largest.toPrecision(2)}), and the SHA-256 is the stated one.${rest}` };
  } catch (error) {
    return { state: "bad", text: `The figures cannot be confirmed: ${error.message}.` };
  }
}

const section = document.getElementById("recompute");
if (section) {
  const button = section.querySelector("button"), verdict = section.querySelector("[role=status]");
  const run = async () => {
    button.disabled = true;
    verdict.className = "verdict";
    verdict.textContent = "Computing …";
    const { state, text, score } = await recompute(section);
    const sign = { good: "✓ Confirmed. ", bad: "✗ Not confirmed. ", unknown: "" }[state];
    verdict.className = `verdict ${state}`;
    verdict.textContent = sign + text;
    document.getElementById("headline").className = state;
    button.disabled = false;
    if (parent !== window) parent.postMessage({ row: section.dataset.row, state, text, score }, "*");
  };
  button.hidden = false;
  button.addEventListener("click", run);
  if (location.hash === "#recompute") run();
}
