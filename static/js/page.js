// The behaviour any page may ask for by attribute. Everything works without it, only less comfortably.
import { wireCopyButtons } from "./copy.js";
import { wireCountdowns } from "./countdown.js";
import { wirePasskeys } from "./passkey.js";
import { wirePolling } from "./poll.js";
import { wireReturnLink } from "./return.js";
import { wireSubmitOnce } from "./submit-once.js";

wireCopyButtons(document);
wireCountdowns(document);
wirePolling(document);
wireReturnLink(document);
wirePasskeys(document); // Before the next: what it holds back was not sent yet.
wireSubmitOnce(document);
