// The scenario of webhooks in Node: node told.mjs URL KEY RECEIVER FOLDER-OF-FILES

import { readdirSync, readFileSync } from "node:fs";
import { telling } from "./scenario.js";

const [url, key, receiver, folder] = process.argv.slice(2);
const files = readdirSync(folder).sort().map((name) => ({ name, data: new Blob([readFileSync(`${folder}/${name}`)]) }));
console.log(JSON.stringify(await telling(url, key, receiver, files)));
