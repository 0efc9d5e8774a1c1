// Ages count on while the page of a bay is looked at.

import { countAges } from "./words.js";

countAges();
setInterval(countAges, 1000);
