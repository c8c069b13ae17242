// Deleting a person, for good.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "@/api/client";
import type { User } from "@/api/queries";
import { Confirm } from "@/ui/Confirm";

export function DeletePerson({ person, close }: { person: User; close: () => void }) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/users/{id}", { params: { path: { id: person.id } } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["people"] });
      close();
    },
  });
  return (
    <Confirm
      title="Delete this person?"
      name={person.email}
      action="Delete"
      busy={remove.isPending}
      error={remove.error}
      confirm={() => remove.mutate()}
      close={close}
    >
      Within a second they are signed out everywhere. Their settings go with them; API keys that they made
      stay and go on working. To keep them out for a while, disable them instead.
    </Confirm>
  );
}
