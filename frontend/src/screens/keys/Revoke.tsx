// Revoking a key, for good.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "@/api/client";
import type { Key } from "@/api/queries";
import { Confirm } from "@/ui/Confirm";

export function Revoke({ apiKey, close }: { apiKey: Key; close: () => void }) {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/keys/{id}", { params: { path: { id: apiKey.id } } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["keys"] });
      close();
    },
  });
  return (
    <Confirm
      title="Revoke this key?"
      name={apiKey.name ?? apiKey.id}
      action="Revoke"
      busy={revoke.isPending}
      error={revoke.error}
      confirm={() => revoke.mutate()}
      close={close}
    >
      Within a second every request with <span className="font-mono">epk_{apiKey.id}_…</span> is refused with
      401. A revoked key never works again; what it sent stays.
    </Confirm>
  );
}
