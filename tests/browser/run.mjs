// Runs one scenario in a real browser against a node that is running: `node run.mjs <scenario>`.
//
// What the scenario gets comes from the environment: `NODE_URL`, `NODE_AUTH` (an Authorization header), and for pictures
// `SHOTS`, a folder. A scenario with a second node finds it in `SECOND_URL` and `SECOND_AUTH`. What else a browser is to be
// started with, the scenario exports as `browser`.
import { open } from './harness.mjs';

const [name = ''] = process.argv.slice(2);
const { default: scenario, host, browser } = await import(new URL(`./scenarios/${name}.mjs`, import.meta.url).href);
const session = await open({
  url: process.env.NODE_URL,
  host,
  ...browser?.(),
  authorization: process.env.NODE_AUTH,
  shots: process.env.SHOTS,
  name,
});
let failure;
try {
  await scenario(session);
} catch (error) {
  failure = error;
  await session.shot('failure').catch(() => undefined);
}
const complaints = await session.close();
if (failure) console.error(failure);
for (const complaint of complaints) console.error(`complaint: ${complaint}`);
if (failure || complaints.length > 0) process.exitCode = 1;
else console.log(`${name}: as it should be`);
