// How the console is built, served while it is written, and unit-tested.
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds the API: the console's listener of `make run`.
const api = process.env.API ?? "http://127.0.0.1:3000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  // The Host header stays that of the page, which the API compares with Origin.
  server: { port: 5173, proxy: { "/api": { target: api, changeOrigin: false } } },
  build: {
    target: "es2023",
    // The Content-Security-Policy takes files of this origin and nothing inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
});
