"use strict";
(() => {
  const options = { responsive: true, displaylogo: false,
    modeBarButtons: [["toImage"]] };
  const read = (name) => {
    const data = document.getElementById(name + "-data");
    return data ? JSON.parse(data.textContent) : [];
  };
  const draw = (name, figure) => {
    const place = document.getElementById(name);
    try {
      return Plotly.react(place, figure.data, figure.layout, options);
    } catch (error) {
      place.textContent = "This plot could not be drawn: " + error.message;
      place.classList.add("failed");
      return Promise.resolve();
    }
  };
  const hasWebGL = () => {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  };
  const drawScene = () => {
    const scenes = read("scene");
    if (!scenes.length) return;
    if (!hasWebGL()) {
      const place = document.getElementById("scene");
      place.textContent = "This browser has no WebGL, so the 3D view cannot be drawn. Everything else is complete; "
        + "the labelled file shows the same atoms in OVITO.";
      place.classList.add("failed");
      return;
    }
    const width = document.getElementById("scene").clientWidth;
    scenes.forEach((scene) => { scene.layout.height = Math.min(scene.layout.height, Math.max(360, width * 1.05)); });
    draw("scene", scenes[0]);
    document.querySelectorAll("input[name=scene]").forEach((input) => input.addEventListener("change", () => {
      draw("scene", scenes[Number(input.value)]);
      document.querySelectorAll("[data-scene]").forEach((note) => { note.hidden = note.dataset.scene !== input.value; });
    }));
  };
  ["fractions", "confidence"].forEach((name) => read(name).forEach((figure) => draw(name, figure)));
  drawScene();
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".plot.js-plotly-plot").forEach((plot) => Plotly.Plots.resize(plot));
  });
})();
