// Whether this Node builds the console: what Vite 8 runs on.
const [major, minor] = process.versions.node.split(".").map(Number);
const good = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
process.exit(good ? 0 : 1);
