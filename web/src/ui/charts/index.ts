/** Pictures, drawn as SVG; curves on a canvas by uPlot. */
export { type Bar, Columns, Gauge } from './bars';
export { FeeLegend, feeStep, feeStepShort, Picture, Swatch, type TableData } from './figure';
export { Ring, type Spot } from './ring';
export { Flow, type Stream } from './flow';
export { type Box, FEE_STEPS, feeHeat, ticks, treemap } from './scale';
export { type Tile, Treemap } from './treemap';
