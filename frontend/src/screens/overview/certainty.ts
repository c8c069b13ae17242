// How sure the lag is, in words.
import type { State } from "@/ui/Status";

interface Sure {
  state: State;
  word: string;
  sentence: string;
}

export function certainty(word: string | undefined): Sure {
  switch (word) {
    case "Known":
      return { state: "ok", word: "known", sentence: "counted, in minus out" };
    case "Estimated":
      return {
        state: "info",
        word: "estimated",
        sentence: "inferred from counters, since Redis did not count it",
      };
    default:
      return { state: "unknown", word: "unknown", sentence: "there is no number, and unknown is not zero" };
  }
}
