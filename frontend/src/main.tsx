// Starts the console.
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { me } from "./api/queries";
import { makeQueryClient } from "./api/session";
import { makeRouter } from "./router";
import "./styles/base.css";

const queries = makeQueryClient(() => {
  // Who one was counts no more; the router asks again and goes to the login.
  queries.removeQueries({ queryKey: me.queryKey });
  void router.invalidate();
});
const router = makeRouter(queries);

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
