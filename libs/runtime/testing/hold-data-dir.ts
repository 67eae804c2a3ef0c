// A process that holds the data folder of its first argument until it is killed.
import { openDataDir } from "../data-dir.ts";
import { systemRandom } from "../random.ts";

const held = await openDataDir(process.argv[2] ?? "", systemRandom);
setInterval(() => held.path, 2 ** 30);
process.stdout.write("held\n");
