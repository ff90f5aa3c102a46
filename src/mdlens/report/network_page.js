"use strict";
(() => {
  const scenes = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const choice = byId("scene"), slider = byId("frame"), play = byId("play");
  const TRUE = "#8d99a6", MADE = "#0b6e4f", INK = "#1c2733", GRID = "#e6eaee";
  let scene, running = !matchMedia("(prefers-reduced-motion: reduce)").matches;

  for (const [k, s] of scenes.entries()) choice.add(new Option(s.title, k));

  function sized(canvas, ratio) {
    const width = canvas.clientWidth, height = width * ratio, scale = window.devicePixelRatio || 1;
    canvas.style.height = height + "px";
    canvas.width = width * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = "13px system-ui, sans-serif";
    return [pen, width, height];
  }

  function bonds(pen, motion, frame, color, width, place) {
    const at = motion.positions[frame], half = motion.boxes[frame].map((l) => l / 2);
    pen.strokeStyle = color;
    pen.lineWidth = width;
    pen.beginPath();
    for (const [i, j] of scene.bonds) {
      pen.moveTo(...place(at[i]));
      pen.lineTo(...place(at[j]));
    }
    pen.stroke();
    pen.lineWidth = 1;
    const [left, low] = place([-half[0], -half[1]]), [right, high] = place(half);
    pen.strokeRect(left, high, right - left, low - high);
  }

  function drawNetwork(frame) {
    const all = [scene.predicted, scene.truth].filter(Boolean);
    const reach = Math.max(...all.flatMap((m) => m.boxes.flat())) * 0.54;
    const [pen, width, height] = sized(byId("net"), 1);
    const place = ([x, y]) => [width / 2 + (x / reach) * (width / 2), height / 2 - (y / reach) * (height / 2)];
    if (scene.truth) bonds(pen, scene.truth, frame, TRUE, 4, place);
    bonds(pen, scene.predicted, frame, MADE, 1.5, place);
    pen.fillStyle = MADE;
    pen.fillText("predicted", 12, 20);
    pen.fillStyle = TRUE;
    if (scene.truth) pen.fillText("molecular dynamics", 82, 20);
  }

  function drawNu(frame) {
    const all = [scene.predicted, scene.truth].filter(Boolean), skip = 5;
    const values = all.flatMap((m) => m.nu.slice(skip)).filter((v) => v !== null);
    const low = Math.min(...values, -0.1) - 0.05, high = Math.max(...values, 0.1) + 0.05;
    const far = Math.max(...scene.strain.map(Math.abs)) || 1;
    const [pen, width, height] = sized(byId("nu"), 1.2);
    const x = (e) => 52 + (Math.abs(e) / far) * (width - 66), y = (v) => height - 40 - ((v - low) / (high - low)) * (height - 60);
    pen.fillStyle = INK;
    pen.textAlign = "right";
    for (let v = Math.ceil(low * 5) / 5; v <= high; v += 0.2) {
      pen.strokeStyle = GRID;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(52, y(v));
      pen.lineTo(width - 14, y(v));
      pen.stroke();
      pen.fillText((Math.abs(v) < 1e-9 ? 0 : v).toFixed(1), 44, y(v) + 4);
    }
    for (const [motion, color, line] of [[scene.truth, TRUE, 5], [scene.predicted, MADE, 2]]) {
      if (!motion) continue;
      pen.strokeStyle = color;
      pen.lineWidth = line;
      pen.beginPath();
      motion.nu.slice(skip).forEach((v, k) => v !== null && pen.lineTo(x(scene.strain[k + skip]), y(v)));
      pen.stroke();
    }
    if (scene.predicted.nu[frame] !== null) {
      pen.fillStyle = MADE;
      pen.beginPath();
      pen.arc(x(scene.strain[frame]), y(scene.predicted.nu[frame]), 5, 0, 7);
      pen.fill();
    }
    pen.fillStyle = INK;
    pen.textAlign = "center";
    pen.fillText("compression along x, up to " + (100 * far).toFixed(1) + " %", (52 + width) / 2, height - 12);
    pen.textAlign = "left";
    pen.fillText("Poisson's ratio", 8, 14);
  }

  function draw() {
    const frame = Number(slider.value);
    drawNetwork(frame);
    drawNu(frame);
    byId("where").textContent = "frame " + scene.frames[frame] + ", strain " + (100 * scene.strain[frame]).toFixed(2) + " %";
  }

  function show() {
    scene = scenes[Number(choice.value)];
    slider.max = scene.frames.length - 1;
    slider.value = 0;
    byId("note").textContent = scene.note;
    draw();
  }

  choice.addEventListener("change", show);
  slider.addEventListener("input", () => { running = false; label(); draw(); });
  play.addEventListener("click", () => { running = !running; label(); });
  addEventListener("resize", draw);
  const label = () => { play.textContent = running ? "Pause" : "Play"; };
  label();
  show();
  setInterval(() => {
    if (!running) return;
    slider.value = (Number(slider.value) + 1) % scene.frames.length;
    draw();
  }, 60);
})();
