// A board's figures are computed again in place: the model's page does it in a hidden frame and answers.
const waiting = new Map();

function figureAgrees(cell, score) {
  const shown = cell.dataset.shown.trim().replace("\u2212", "-"), decimals = shown.split(".")[1]?.length ?? 0;
  return Math.abs(cell.dataset.value - score) <= 1e-12 * Math.max(1, Math.abs(score))
    && Math.abs(shown - score) <= 0.500001 * 10 ** -decimals;
}

function mark(button, { state, text, score }) {
  const cell = button.closest("td");
  if (state === "good" && !figureAgrees(cell, score)) {
    [state, text] = ["bad", `the evidence gives ${score}, this table states ${cell.dataset.value}.`];
  }
  cell.className = `number main ${state}`;
  const mark = cell.querySelector(".mark") ?? cell.appendChild(document.createElement("span"));
  mark.className = "mark";
  mark.textContent = { good: "✓ recomputed", bad: "✗ not confirmed", unknown: "not computable here" }[state];
  const verdict = find("#verdict");
  verdict.className = `verdict ${state}`;
  verdict.textContent = `${cell.parentElement.dataset.name}: ${text}`;
}

function ask(button, address) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.src = `${address}#recompute`;
  button.disabled = true;
  const end = setTimeout(() => { location.href = frame.src; }, 30000); // the model's page can say why
  document.body.append(frame);
  waiting.set(frame.contentWindow, { button, frame, end });
}

addEventListener("message", ({ source, data }) => {
  const { button, frame, end } = waiting.get(source) ?? {};
  if (!button) return;
  clearTimeout(end);
  waiting.delete(source);
  frame.remove();
  button.disabled = false;
  if (data.row === button.closest("tr").dataset.row) mark(button, data);
});

for (const link of findAll("a.recompute")) {
  const button = document.createElement("button"), address = link.getAttribute("href").split("#")[0];
  button.type = "button";
  button.className = "recompute";
  button.textContent = link.textContent;
  button.setAttribute("aria-label", `${link.textContent.trim()}, compute again from the evidence`);
  button.addEventListener("click", () => ask(button, address));
  link.replaceWith(button);
}
