// Charts from the JSON beside them. Rates come as text, rounded down by the service, and are only placed here, never computed.
"use strict";

const INK = "#344054", QUIET = "#556070", LINE = "#e4e7ec", BLUE = "#1f5fa8", SKY = "#7fa8d6", RED = "#b42318", GREY = "#98a2b3";
const FONT = getComputedStyle(document.body).fontFamily;

const percentText = (rate) => {
  if (rate === null || rate === undefined) return "–";
  const negative = rate.startsWith("-");
  const [whole, rest] = rate.replace("-", "").split(".");
  const digits = whole + rest.padEnd(4, "0").slice(0, 2);
  return (negative ? "−" : "") + String(Number(digits)) + "." + rest.padEnd(4, "0").slice(2) + "%";
};
const moneyText = (yuan) => {
  const [whole, rest] = yuan.replace("-", "").split(".");
  return (yuan.startsWith("-") ? "−" : "") + whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",") + "." + rest;
};
const tick = (language) => (value) => {
  if (value === 0) return "0";
  if (language === "en") return Math.abs(value) >= 1e6 ? value / 1e6 + "m" : Math.abs(value) >= 1e3 ? value / 1e3 + "k" : String(value);
  return Math.abs(value) >= 1e8 ? value / 1e8 + "亿" : Math.abs(value) >= 1e4 ? value / 1e4 + "万" : String(value);
};
const base = () => ({
  animation: false,
  textStyle: { fontFamily: FONT, color: INK },
  aria: { enabled: false }, // the page says what the picture shows, and has its figures in a table
});
const axisLine = { lineStyle: { color: GREY } };
const splitLine = { lineStyle: { color: LINE } };

const curve = (data) => {
  const months = Array.from({ length: 12 }, (_, index) => index + 1);
  const place = (day) => Number(day.slice(5, 7)) - 1;
  const series = (key) => months.map((_, index) => {
    const point = data.points.find((one) => place(one.day) === index);
    return point && point[key] !== null ? { value: Number(point[key]) * 100, text: point[key] } : null;
  });
  const last = data.points.filter((one) => one.paid !== null).at(-1);
  const projection = months.map(() => null);
  if (last && data.projected !== null) {
    // in December the projection ends where today is: it begins a month earlier, to be seen
    const from = place(last.day) < 11 ? last : data.points.filter((one) => one.paid !== null && place(one.day) < 11).at(-1);
    if (from) projection[place(from.day)] = { value: Number(from.paid) * 100, text: from.paid };
    projection[11] = { value: Number(data.projected) * 100, text: data.projected };
  }
  const below = data.floor !== null && data.projected !== null && data.projected < data.floor;
  const line = (name, values, style) => ({ name, type: "line", data: values, connectNulls: true, symbolSize: 5, ...style });
  return {
    ...base(),
    grid: { left: 40, right: 14, top: 12, bottom: 22 },
    tooltip: { trigger: "axis", confine: true, textStyle: { fontSize: 12 }, valueFormatter: undefined,
      formatter: (items) => items.filter((item) => item.data).map((item) => item.seriesName + " " + percentText(item.data.text)).join("<br>") },
    xAxis: { type: "category", data: months, boundaryGap: false, axisLine, axisTick: { show: false }, axisLabel: { fontSize: 11, color: QUIET, interval: (index) => index % 2 === 1 } },
    yAxis: { type: "value", min: 0, max: (range) => Math.max(100, Math.ceil(range.max / 20) * 20), interval: 20, splitLine, axisLabel: { fontSize: 11, color: QUIET, formatter: "{value}%" } },
    series: [
      line(data.names.healthy, series("healthy"), { color: GREY, symbol: "none", lineStyle: { width: 1.5, type: [2, 3] } }),
      line(data.names.paid, series("paid"), { color: BLUE, symbol: "circle", lineStyle: { width: 2 },
        markLine: data.floor === null ? undefined : { silent: true, symbol: "none", data: [{ yAxis: Number(data.floor) * 100 }],
          lineStyle: { color: RED, type: [5, 4], width: 1.2 },
          label: { position: "insideStartTop", fontSize: 11, color: RED, formatter: data.names.floor + " " + percentText(data.floor) } } }),
      line(data.names.projected, projection, { color: below ? RED : SKY, symbol: "emptyCircle", lineStyle: { width: 1.5, type: [6, 3] } }),
    ],
  };
};

const money = (data) => {
  const names = data.bars.map((bar) => data.funds[bar.fund]).reverse();
  const part = (key, color) => ({
    name: data.names[key], type: "bar", stack: "all", barWidth: 18, color,
    data: data.bars.map((bar) => ({ value: Number(bar[key]), text: bar[key] })).reverse(),
  });
  return {
    ...base(),
    grid: { left: 10, right: 24, top: 6, bottom: 44, containLabel: true },
    legend: { bottom: 0, itemWidth: 12, itemHeight: 10, textStyle: { fontSize: 12, color: QUIET }, selectedMode: false },
    tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, confine: true, textStyle: { fontSize: 12 },
      formatter: (items) => items.map((item) => item.seriesName + " " + moneyText(item.data.text)).join("<br>") },
    xAxis: { type: "value", min: 0, splitLine, splitNumber: 4, axisLabel: { fontSize: 11, color: QUIET, formatter: tick(data.language) } },
    yAxis: { type: "category", data: names, axisLine, axisTick: { show: false }, axisLabel: { fontSize: 12, color: INK, interval: 0 } },
    series: [part("paid", BLUE), part("due", RED), part("rest", "#c9d6e6")],
  };
};

const waterfall = (data, width) => ({
  ...base(),
  grid: { left: 8, right: 8, top: 26, bottom: 6, containLabel: true },
  tooltip: { trigger: "item", confine: true, textStyle: { fontSize: 12 }, formatter: (item) => item.name + " " + moneyText(item.data.text) },
  xAxis: { type: "category", data: data.bars.map((bar) => bar.name), axisLine, axisTick: { show: false }, axisLabel: { fontSize: 12, color: INK, interval: 0, width: Math.floor((width - 60) / data.bars.length), overflow: "break" } },
  yAxis: { type: "value", min: Number(data.least) < 0 ? undefined : 0, splitLine, axisLabel: { fontSize: 11, color: QUIET, formatter: tick(data.language) } },
  series: [
    { type: "bar", stack: "one", silent: true, itemStyle: { color: "transparent" }, barMaxWidth: 56, data: data.bars.map((bar) => ({ value: Number(bar.from_), text: bar.amount })), tooltip: { show: false } },
    { type: "bar", stack: "one", barMaxWidth: 56, barMinHeight: 2,
      label: { show: true, position: "top", fontSize: 12, color: INK, formatter: (item) => moneyText(item.data.text) },
      data: data.bars.map((bar) => ({ value: Number(bar.height), text: bar.amount, itemStyle: { color: { total: "#7b8794", fund: BLUE, hospital: "#8a6d3b", patient: "#b5651d" }[bar.kind] } })) },
  ],
});

const KINDS = { curve, money, waterfall };
document.querySelectorAll("[data-chart]").forEach((place) => {
  const data = JSON.parse(place.parentElement.querySelector("script[type='application/json']").textContent);
  const chart = echarts.init(place, null, { renderer: "svg" });
  const draw = () => chart.setOption(KINDS[place.dataset.chart](data, place.clientWidth));
  draw();
  new ResizeObserver(() => { chart.resize(); draw(); }).observe(place);
});
