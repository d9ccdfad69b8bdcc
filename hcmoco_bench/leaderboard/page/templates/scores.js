// The scores of evidence, by the same rules as the Python package. Figures are Maps by name, NaN where undefined.
function sum(values) { // Neumaier's, so that the order of the samples does not matter.
  let total = 0, lost = 0;
  for (const value of values) {
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

function mean(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length ? sum(known) / known.length : NaN;
}

const ratio = (part, whole) => (whole > 0 ? part / whole : NaN);

function segmentation({ columns, meta }, factor) {
  const n = meta.class_names.length;
  const totals = (name) => {
    const { data } = columns.get(name), found = Array(n).fill(0);
    for (let at = 0; at < data.length; at++) found[at % n] += data[at];
    return found;
  };
  const [both, target, predicted] = ["intersection", "target", "prediction"].map(totals);
  const union = target.map((pixels, c) => pixels + predicted[c] - both[c]);
  const share = (whole, absent) =>
    whole.map((pixels, c) => (c === meta.ignored_class ? NaN : pixels > 0 ? both[c] / pixels : absent));
  const absent = meta.absent === "zero" ? 0 : NaN, first = meta.background ? 0 : 1;
  const iou = share(union, absent);
  const scores = new Map([
    ["miou", factor * mean(iou.slice(first))],
    ["macc", factor * mean(share(target, absent).slice(first))],
    ["aacc", factor * ratio(sum(both.slice(first)), sum(target.slice(first)))],
    ["miou_parts", factor * mean(iou.slice(1))],
  ]);
  const [perIou, perAccuracy] = [share(union, NaN), share(target, NaN)];
  const classes = new Map(meta.class_names.map((name, c) =>
    [name, new Map([["iou", factor * perIou[c]], ["accuracy", factor * perAccuracy[c]]])]));
  return { scores, classes };
}

function jointAccuracy({ columns, meta }, factor) {
  const n = meta.joints.length, errors = columns.get("error_cm").data, valid = columns.get("valid").data;
  const joints = meta.joints.map((_, joint) => {
    const found = errors.filter((_, at) => at % n === joint && valid[at]);
    return { right: found.filter((error) => error < meta.threshold_cm).length, all: found.length, error: sum(found) };
  });
  const total = (members, field) => sum(members.map((joint) => joints[joint][field]));
  const figures = (members) => ({
    accuracy: factor * ratio(total(members, "right"), total(members, "all")),
    error: ratio(total(members, "error"), total(members, "all")),
  });
  const all = figures([...joints.keys()]);
  const scores = new Map([["accuracy", all.accuracy], ["mean_error_cm", all.error]]);
  for (const [name, members] of Object.entries(meta.groups)) scores.set(`accuracy_${name}`, figures(members).accuracy);
  const classes = new Map(meta.joints.map((name, joint) => {
    const { accuracy, error } = figures([joint]);
    return [name, new Map([["accuracy", accuracy], ["error_cm", error]])];
  }));
  return { scores, classes };
}

const SIZES = 3, THRESHOLDS = 10, RECALLS = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));
const NONE = 0, RIGHT = 1, IGNORED = 3;

function averagePrecision(columns, prefix) {
  const score = columns.get(`${prefix}score`).data, { shape, data: outcome } = columns.get(`${prefix}outcome`);
  const truths = columns.get(`${prefix}n_truths`).data;
  const [images, , , most] = shape, places = [];
  for (let image = 0; image < images; image++) {
    for (let d = 0; d < most; d++) {
      const at = image * SIZES * THRESHOLDS * most + d;
      if (outcome[at] !== NONE) places.push([score[image * most + d], at]);
    }
  }
  places.sort((one, other) => other[0] - one[0]); // stable
  const curves = Array.from({ length: SIZES }, (_, size) => {
    const total = sum(truths.filter((_, at) => at % SIZES === size));
    return Array.from({ length: THRESHOLDS }, (_, t) => curve(places, outcome, (size * THRESHOLDS + t) * most, total));
  });
  const over = (size, field, from = 0, to = THRESHOLDS) => {
    const values = curves[size].slice(from, to).map((one) => one[field]);
    return sum(values) / values.length;
  };
  const statistics = (field, name) => [[name, over(0, field)], [`${name}50`, over(0, field, 0, 1)],
    [`${name}75`, over(0, field, 5, 6)], [`${name}m`, over(1, field)], [`${name}l`, over(2, field)]];
  return new Map([...statistics("precision", "AP"), ...statistics("recall", "AR")]);
}

function curve(places, outcome, offset, total) {
  if (total === 0) return { precision: NaN, recall: NaN };
  const recall = [], best = [];
  let right = 0, wrong = 0;
  for (const [, at] of places) {
    const found = outcome[at + offset];
    if (found === RIGHT) right++;
    else if (found !== IGNORED) wrong++;
    recall.push(right / total);
    best.push(right / (wrong + right + Number.EPSILON));
  }
  for (let at = best.length - 2; at >= 0; at--) best[at] = Math.max(best[at], best[at + 1]);
  let at = 0;
  const precision = RECALLS.map((value) => {
    while (at < recall.length && recall[at] < value) at++;
    return at < best.length ? best[at] : 0;
  });
  return { precision: sum(precision) / RECALLS.length, recall: recall.at(-1) ?? 0 };
}

function densepose({ columns }, factor) {
  const scores = new Map(), classes = new Map();
  for (const measure of ["gps", "gpsm", "iou", "bbox"]) {
    const found = [...averagePrecision(columns, `${measure}_`)].map(([name, value]) => [name, factor * value]);
    for (const [name, value] of found) scores.set(`${measure}_${name}`, value);
    classes.set(measure, new Map(found));
  }
  return { scores, classes };
}

function keypoints({ columns }, factor) { // Here an undefined figure is COCO's -1.
  const scores = averagePrecision(columns, "");
  for (const [name, value] of scores) scores.set(name, factor * (Number.isNaN(value) ? -1 : value));
  return { scores };
}

function pose3d({ columns, meta }) {
  const points = columns.get("n_points").data, name = meta.points === "joints" ? "mpjpe" : "pve";
  const over = (column) => {
    const there = columns.get(column).data.filter((_, at) => points[at] > 0);
    return ratio(sum(there), there.length);
  };
  return { scores: new Map([[name, over("error_mm")], [`pa_${name}`, over("aligned_error_mm")]]) };
}

const METRICS = new Map(Object.entries({ segmentation, joint_accuracy: jointAccuracy, densepose, keypoints, pose3d }));
