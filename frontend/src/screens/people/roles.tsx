// The roles, in words.
import type { Role } from "@/api/queries";
import { SelectField } from "@/ui/Field";

export const ROLES: Record<Role, { name: string; may: string }> = {
  viewer: { name: "Viewer", may: "looks at everything, changes nothing but their own settings" },
  admin: { name: "Administrator", may: "also replays and discards, and manages keys and people" },
};

export function RoleField({ role = "viewer" }: { role?: Role }) {
  return (
    <SelectField label="Role" name="role" defaultValue={role}>
      {Object.entries(ROLES).map(([value, { name, may }]) => (
        <option key={value} value={value}>
          {name}: {may}
        </option>
      ))}
    </SelectField>
  );
}
