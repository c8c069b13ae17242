// A person's own settings, and the limits that hold for everyone.
import { PageHead } from "@/ui/Card";
import { Account } from "./Account";
import { Limits } from "./Limits";
import { Look } from "./Look";

export function Settings() {
  return (
    <>
      <PageHead title="Settings" lead="Yours alone, kept with your account; and the limits in force." />
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Look />
          <Account />
        </div>
        <Limits />
      </div>
    </>
  );
}
