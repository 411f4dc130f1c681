// What a browser's camera sees in a test: QR codes, as a film of raw pictures that Chromium plays over and over.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const [WIDTH, HEIGHT] = [640, 480];
/** Pictures of each code, and pictures in a second. */
const EACH = 4;
const RATE = 10;
const [DARK, BRIGHT, GREY] = [16, 235, 128];

/** Where the film lies; it is read anew whenever the camera is opened. */
const film = path.join(os.tmpdir(), `chaincore-camera-${process.pid}.y4m`);

process.on('exit', () => fs.rmSync(film, { force: true }));

/** The arguments with which a browser takes the film for its camera, and asks nobody whether it may. */
export const watching = [
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream',
  `--use-file-for-fake-video-capture=${film}`,
];

/** Has the camera see these codes, one after the other; each is rows of squares, true for the dark ones. */
export function show(codes) {
  const pieces = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${RATE}:1 Ip A1:1 C420jpeg\n`)];
  const colours = Buffer.alloc((WIDTH * HEIGHT) / 2, GREY);
  for (const rows of codes) {
    const square = Math.floor(Math.min(WIDTH, HEIGHT) / rows.length);
    const [left, top] = [WIDTH, HEIGHT].map((side) => Math.floor((side - square * rows.length) / 2));
    const light = Buffer.alloc(WIDTH * HEIGHT, BRIGHT);
    for (const [y, row] of rows.entries()) {
      for (const [x, dark] of row.entries()) {
        if (!dark) continue;
        for (let line = 0; line < square; line += 1) {
          const from = (top + y * square + line) * WIDTH + left + x * square;
          light.fill(DARK, from, from + square);
        }
      }
    }
    for (let n = 0; n < EACH; n += 1) pieces.push(Buffer.from('FRAME\n'), light, colours);
  }
  fs.writeFileSync(film, Buffer.concat(pieces));
}

/** The squares of a code that a page shows. */
export async function squaresOf(svg) {
  const width = Number((await svg.getAttribute('viewBox')).split(' ')[2]);
  const rows = Array.from({ length: width }, () => Array(width).fill(false));
  const shape = await svg.locator('path').getAttribute('d');
  for (const [, x, y, length] of shape.matchAll(/M(\d+) (\d+)h(\d+)/g)) rows[y].fill(true, Number(x), Number(x) + Number(length));
  return rows;
}
