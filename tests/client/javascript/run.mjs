// The scenario in Node: node run.mjs URL KEY FILE-THAT-LETS-THE-WORKER-BEGIN FOLDER-OF-FILES

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { scenario } from "./scenario.js";

const [url, key, turning, folder] = process.argv.slice(2);
const files = readdirSync(folder).sort().map((name) => ({ name, data: new Blob([readFileSync(`${folder}/${name}`)]) }));
console.log(JSON.stringify(await scenario(url, key, files, async () => writeFileSync(turning, ""))));
