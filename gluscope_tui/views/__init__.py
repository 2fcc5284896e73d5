"""From records to what is shown: tables, contexts and the formats of `gluscope show`. No Textual here."""
