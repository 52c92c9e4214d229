"""Every sentence ShopPay says, in English and German. A dictionary is enough for a program of this size."""

from __future__ import annotations

from typing import Any

LANGUAGES = ("en", "de")

TEXTS: dict[str, tuple[str, str]] = {
    # Frame
    "skip": ("Skip to content", "Zum Inhalt springen"),
    "nav": ("Main menu", "Hauptmenü"),
    "nav.shop": ("Shop", "Laden"),
    "nav.banks": ("Bank accounts", "Bankkonten"),
    "nav.payments": ("Payments", "Zahlungen"),
    "nav.log_in": ("Log in", "Anmelden"),
    "nav.log_out": ("Log out", "Abmelden"),
    "nav.as": ("Logged in as {user}", "Angemeldet als {user}"),
    "language.label": ("Language", "Sprache"),
    "footer.what": (
        "ShopPay is a demonstration of a licensed third-party provider. It is not a bank and never asks for your bank"
        " password or a code from your bank.",
        "ShopPay führt einen zugelassenen Drittdienst vor. Es ist keine Bank und fragt nie nach Ihrem Bank-Passwort"
        " oder einem Code Ihrer Bank.",
    ),
    "footer.money": ("No real money moves here.", "Hier fließt kein echtes Geld."),
    # Home
    "home.title": ("Pay straight from your bank", "Direkt von der Bank bezahlen"),
    "home.lead": (
        "Choose an order, approve it at your own bank, done. ShopPay never sees your bank password.",
        "Bestellung wählen, bei der eigenen Bank freigeben, fertig. ShopPay sieht Ihr Bank-Passwort nie.",
    ),
    "home.orders": ("Waiting at the check-out", "An der Kasse"),
    "home.buy": ("Check out", "Zur Kasse"),
    "home.steps": ("How it works", "So geht es"),
    "home.step1": (
        "Connect your bank account once, at your bank.",
        "Bankkonto einmal verbinden, bei Ihrer Bank.",
    ),
    "home.step2": (
        "Check amount and payee, approve with your bank's code.",
        "Betrag und Empfänger prüfen, mit dem Code Ihrer Bank freigeben.",
    ),
    "home.step3": ("Disconnect whenever you like, with one click.", "Jederzeit mit einem Klick trennen."),
    "home.connected": ("Connected accounts", "Verbundene Konten"),
    "home.none": ("No account is connected yet.", "Noch ist kein Konto verbunden."),
    "home.connect": ("Connect an account", "Konto verbinden"),
    "home.recent": ("Latest payments", "Letzte Zahlungen"),
    "home.free": ("Send money to somebody else", "Geld an jemand anderen senden"),
    "item.lamp": ("Desk lamp “Brücke”", "Schreibtischlampe „Brücke“"),
    "item.bulbs": ("LED bulb, warm white", "LED-Leuchtmittel, warmweiß"),
    "item.espresso": ("Espresso beans, 500 g", "Espressobohnen, 500 g"),
    "item.book": ("Paperback “The Harbour”", "Taschenbuch „Der Hafen“"),
    # Users
    "log_in.title": ("Log in to ShopPay", "Bei ShopPay anmelden"),
    "log_in.hint": (
        "With your ShopPay user ID, not the one of your bank.",
        "Mit Ihrer ShopPay-Kennung, nicht mit der Ihrer Bank.",
    ),
    "log_in.user_id": ("ShopPay user ID", "ShopPay-Kennung"),
    "log_in.password": ("ShopPay password", "ShopPay-Passwort"),
    "log_in.submit": ("Log in", "Anmelden"),
    "log_in.register": ("New here? Register", "Neu hier? Registrieren"),
    "register.title": ("Register with ShopPay", "Bei ShopPay registrieren"),
    "register.user_id.hint": (
        "3 to 64 letters, digits or . _ @ + -",
        "3 bis 64 Buchstaben, Ziffern oder . _ @ + -",
    ),
    "register.password.hint": ("At least 12 characters", "Mindestens 12 Zeichen"),
    "register.submit": ("Register", "Registrieren"),
    "register.log_in": ("Registered already? Log in", "Schon registriert? Anmelden"),
    "flash.registered": ("Welcome! You are registered.", "Willkommen! Sie sind registriert."),
    "flash.logged_out": ("You are logged out.", "Sie sind abgemeldet."),
    "flash.connected": (
        "Your bank has confirmed: the account is connected.",
        "Ihre Bank hat bestätigt: Konto verbunden.",
    ),
    "flash.disconnected": ("The account is disconnected.", "Das Konto ist getrennt."),
    # Bank accounts
    "banks.title": ("Your bank accounts", "Ihre Bankkonten"),
    "banks.connect": ("Connect an account", "Konto verbinden"),
    "banks.connect.hint": (
        "We find your bank from the IBAN and send you there. At the bank you log in and decide what ShopPay may see.",
        "Wir finden Ihre Bank an der IBAN und leiten Sie dorthin. Bei der Bank melden Sie sich an und entscheiden,"
        " was ShopPay sehen darf.",
    ),
    "banks.iban": ("IBAN of your account", "IBAN Ihres Kontos"),
    "banks.submit": ("Continue to my bank", "Weiter zu meiner Bank"),
    "banks.empty": (
        "Nothing is connected yet. Start with the IBAN of your account.",
        "Noch nichts verbunden. Beginnen Sie mit der IBAN.",
    ),
    "state.active": ("Connected", "Verbunden"),
    "state.pending": ("Waiting for you at the bank", "Wartet auf Sie bei der Bank"),
    "state.refused": ("Not connected", "Nicht verbunden"),
    "state.ended": ("Ended", "Beendet"),
    "enrolment.since": ("Connected since {when}", "Verbunden seit {when}"),
    "enrolment.until": ("Consent until {day}", "Zustimmung bis {day}"),
    "enrolment.ended": ("Ended on {when}", "Beendet am {when}"),
    "enrolment.balance.closingBooked": ("Booked", "Gebucht"),
    "enrolment.balance.interimBooked": ("Booked", "Gebucht"),
    "enrolment.balance.interimAvailable": ("Available", "Verfügbar"),
    "enrolment.balance.expected": ("Expected", "Erwartet"),
    "enrolment.transactions": ("Last 30 days", "Letzte 30 Tage"),
    "enrolment.more": ("Show {count} more", "{count} weitere zeigen"),
    "enrolment.no_transactions": ("No booked transactions.", "Keine gebuchten Umsätze."),
    "enrolment.no_accounts": (
        "The bank shows no account for this consent.",
        "Die Bank zeigt zu dieser Zustimmung kein Konto.",
    ),
    "enrolment.pay": ("Pay from this account", "Von diesem Konto bezahlen"),
    "enrolment.over": (
        "This connection is over. Its tokens are deleted.",
        "Diese Verbindung ist beendet. Ihre Token sind gelöscht.",
    ),
    "enrolment.again": ("Connect again", "Neu verbinden"),
    "enrolment.disconnect": ("Disconnect", "Trennen"),
    "enrolment.disconnect.hint": (
        "We delete the consent at your bank and our tokens at once.",
        "Wir löschen sofort die Zustimmung bei Ihrer Bank und unsere Token.",
    ),
    "enrolment.stored": (
        "Stored here: access, refresh and ID token of your bank, encrypted for you and this IBAN.",
        "Hier gespeichert: Access-, Refresh- und ID-Token Ihrer Bank, verschlüsselt für Sie und diese IBAN.",
    ),
    "reason.access_denied": ("You said no at the bank", "Bei der Bank abgelehnt"),
    "reason.disconnected": ("Disconnected by you", "Von Ihnen getrennt"),
    "reason.replaced": ("Replaced by a newer connection", "Durch eine neuere Verbindung ersetzt"),
    "reason.expired": ("Expired", "Abgelaufen"),
    "reason.other": ("Ended by the bank ({code})", "Von der Bank beendet ({code})"),
    # Paying
    "pay.title": ("Check-out", "Kasse"),
    "pay.free.title": ("Send money", "Geld senden"),
    "pay.receipt": ("Your order", "Ihre Bestellung"),
    "pay.total": ("Total", "Summe"),
    "pay.to": ("To", "An"),
    "pay.payee": ("Name of the payee", "Name des Empfängers"),
    "pay.payee_iban": ("IBAN of the payee", "IBAN des Empfängers"),
    "pay.amount": ("Amount in euros", "Betrag in Euro"),
    "pay.reference": ("Reference (optional)", "Verwendungszweck (freiwillig)"),
    "pay.from": ("Pay from this IBAN", "Von dieser IBAN bezahlen"),
    "pay.submit": ("Pay {amount} at my bank", "{amount} bei meiner Bank bezahlen"),
    "pay.free.submit": ("Continue to my bank", "Weiter zu meiner Bank"),
    "pay.hint": (
        "Your bank shows you amount and payee once more. Only your approval there pays.",
        "Ihre Bank zeigt Betrag und Empfänger noch einmal. Erst Ihre Freigabe dort bezahlt.",
    ),
    "pay.without": (
        "Pay this once without connecting the account",
        "Dieses eine Mal bezahlen, ohne das Konto zu verbinden",
    ),
    "payments.title": ("Your payments", "Ihre Zahlungen"),
    "payments.empty": ("No payments yet.", "Noch keine Zahlungen."),
    "payment.paid.title": ("Paid", "Bezahlt"),
    "payment.paid.lead": (
        "Your bank has confirmed the payment. Thank you!",
        "Ihre Bank hat die Zahlung bestätigt. Vielen Dank!",
    ),
    "payment.accepted.title": ("Approved", "Freigegeben"),
    "payment.accepted.lead": (
        "Your bank has accepted the payment and is carrying it out. This page keeps asking until it is done.",
        "Ihre Bank hat die Zahlung angenommen und führt sie aus. Diese Seite fragt weiter nach, bis sie fertig ist.",
    ),
    "payment.open.title": ("Not approved yet", "Noch nicht freigegeben"),
    "payment.open.lead": (
        "Your bank is waiting for your approval, or has not reported it yet. This page keeps asking.",
        "Ihre Bank wartet auf Ihre Freigabe oder hat sie noch nicht gemeldet. Diese Seite fragt weiter nach.",
    ),
    "payment.open.go_on": ("Continue at my bank", "Bei meiner Bank fortfahren"),
    "payment.open.check": ("Check again", "Noch einmal prüfen"),
    "payment.not_paid.title": ("Not paid", "Nicht bezahlt"),
    "payment.not_paid.lead": (
        "The payment was not made. No money has left your account for it.",
        "Die Zahlung wurde nicht ausgeführt. Dafür ist kein Geld von Ihrem Konto abgegangen.",
    ),
    "payment.refused.title": ("Refused by the bank", "Von der Bank abgelehnt"),
    "payment.refused.lead": (
        "The bank did not accept this payment.",
        "Die Bank hat diese Zahlung nicht angenommen.",
    ),
    "payment.created.title": ("Not sent", "Nicht gesendet"),
    "payment.created.lead": (
        "This payment did not reach the bank.",
        "Diese Zahlung hat die Bank nicht erreicht.",
    ),
    "payment.back": ("Back to the shop", "Zurück zum Laden"),
    "payment.amount": ("Amount", "Betrag"),
    "payment.payee": ("Payee", "Empfänger"),
    "payment.from": ("From", "Von"),
    "payment.bank": ("Bank", "Bank"),
    "payment.reference": ("Reference", "Verwendungszweck"),
    "payment.ordered": ("Ordered", "Beauftragt"),
    "payment.status": ("Status at the bank", "Status bei der Bank"),
    "payment.number": ("Payment ID", "Zahlungs-ID"),
    "payment.notified": ("Messages from the bank", "Meldungen der Bank"),
    "payment.notified.none": (
        "The bank has not called us about this payment.",
        "Die Bank hat uns zu dieser Zahlung noch nichts gemeldet.",
    ),
    "payment.notified.one": ("{when}: the bank reported {status}", "{when}: Die Bank meldete {status}"),
    "payment.bank_text": ("The bank says", "Die Bank sagt"),
    "record.title": ("What ShopPay asked the bank", "Was ShopPay die Bank gefragt hat"),
    "record.at": ("Time", "Zeit"),
    "record.request": ("Request", "Anfrage"),
    "record.answer": ("Answer", "Antwort"),
    "record.id": ("Request ID", "Anfrage-ID"),
    # Problems
    "problem.title": ("That did not work", "Das hat nicht geklappt"),
    "problem.bank_messages": ("The bank answered", "Die Bank antwortete"),
    "problem.request_id": ("Request ID at the bank: {id}", "Anfrage-ID bei der Bank: {id}"),
    "problem.back": ("Back to start", "Zur Startseite"),
    "problem.try_banks": ("Your bank accounts", "Ihre Bankkonten"),
    "problem.request": ("The request is incomplete or wrong.", "Die Anfrage ist unvollständig oder falsch."),
    "problem.log_in": (
        "User ID or password is wrong. After five wrong tries wait a minute.",
        "Kennung oder Passwort ist falsch. Nach fünf Fehlversuchen bitte eine Minute warten.",
    ),
    "problem.sso.missing": ("Please log in first.", "Bitte melden Sie sich zuerst an."),
    "problem.sso.malformed": (
        "Your log-in was not valid. Please log in again.",
        "Ihre Anmeldung war nicht gültig. Bitte neu anmelden.",
    ),
    "problem.sso.signature": (
        "Your log-in was not valid. Please log in again.",
        "Ihre Anmeldung war nicht gültig. Bitte neu anmelden.",
    ),
    "problem.sso.claims": (
        "Your log-in was not valid. Please log in again.",
        "Ihre Anmeldung war nicht gültig. Bitte neu anmelden.",
    ),
    "problem.sso.expired": (
        "Your log-in has expired after 15 minutes. Please log in again.",
        "Ihre Anmeldung ist nach 15 Minuten abgelaufen. Bitte neu anmelden.",
    ),
    "problem.sso.revoked": (
        "You have logged out. Please log in again.",
        "Sie haben sich abgemeldet. Bitte neu anmelden.",
    ),
    "problem.sso.scope": ("Your log-in does not allow this.", "Ihre Anmeldung erlaubt das nicht."),
    "problem.register.user_id": (
        "Choose a user ID of 3 to 64 letters, digits or . _ @ + -",
        "Bitte eine Kennung aus 3 bis 64 Buchstaben, Ziffern oder . _ @ + - wählen.",
    ),
    "problem.register.password": (
        "Choose a password of at least 12 characters, not your user ID.",
        "Bitte ein Passwort mit mindestens 12 Zeichen wählen, nicht Ihre Kennung.",
    ),
    "problem.register.taken": ("This user ID is taken.", "Diese Kennung ist vergeben."),
    "problem.iban": (
        "This is not a valid IBAN. Please check it.",
        "Das ist keine gültige IBAN. Bitte prüfen.",
    ),
    "problem.unknown_bank": (
        "The bank of this IBAN is not connected to ShopPay: {bank}.",
        "Die Bank dieser IBAN ist nicht mit ShopPay verbunden: {bank}.",
    ),
    "problem.order.amount": (
        "Give the amount in euros, like 24.90.",
        "Bitte den Betrag in Euro angeben, etwa 24,90.",
    ),
    "problem.order.creditor_name": (
        "Give the payee's name, at most 70 characters.",
        "Bitte den Namen des Empfängers angeben, höchstens 70 Zeichen.",
    ),
    "problem.order.reference": (
        "The reference may have at most 140 characters.",
        "Der Verwendungszweck darf höchstens 140 Zeichen haben.",
    ),
    "problem.order.submission": (
        "This form is too old. Please open it again.",
        "Dieses Formular ist veraltet. Bitte neu öffnen.",
    ),
    "problem.enrol_first": (
        "The account {iban} is not connected. Connect it first, then pay.",
        "Das Konto {iban} ist nicht verbunden. Bitte zuerst verbinden, dann bezahlen.",
    ),
    "problem.enrolment_over": (
        "The connection to your bank is over. Connect the account again.",
        "Die Verbindung zu Ihrer Bank ist beendet. Bitte das Konto neu verbinden.",
    ),
    "problem.callback.malformed": (
        "The bank's answer was incomplete. Nothing was connected.",
        "Die Antwort der Bank war unvollständig. Es wurde nichts verbunden.",
    ),
    "problem.callback.unknown_state": (
        "This answer does not belong to anything you started here. Nothing was connected.",
        "Diese Antwort gehört zu nichts, was Sie hier begonnen haben. Es wurde nichts verbunden.",
    ),
    "problem.callback.other_browser": (
        "This was started in another browser or by another user. Nothing was connected.",
        "Das wurde in einem anderen Browser oder von jemand anderem begonnen. Es wurde nichts verbunden.",
    ),
    "problem.callback.used": (
        "This answer of the bank was used already.",
        "Diese Antwort der Bank wurde schon verwendet.",
    ),
    "problem.callback.expired": (
        "This took too long. Please start again.",
        "Das hat zu lange gedauert. Bitte neu beginnen.",
    ),
    "problem.callback.issuer": (
        "The answer did not come from your bank. Nothing was connected.",
        "Die Antwort kam nicht von Ihrer Bank. Es wurde nichts verbunden.",
    ),
    "problem.denied.access_denied": (
        "You did not allow it at your bank. Nothing was connected; you can start again at any time.",
        "Sie haben es bei Ihrer Bank nicht erlaubt. Es wurde nichts verbunden; Sie können jederzeit neu beginnen.",
    ),
    "problem.denied.server_error": (
        "Your bank has a fault. Please try again later.",
        "Ihre Bank hat eine Störung. Bitte später noch einmal versuchen.",
    ),
    "problem.denied.temporarily_unavailable": (
        "Your bank is busy. Please try again later.",
        "Ihre Bank ist überlastet. Bitte später noch einmal versuchen.",
    ),
    "problem.denied.other": (
        "Your bank did not go on with it.",
        "Ihre Bank hat den Vorgang nicht fortgesetzt.",
    ),
    "problem.bank_refused": ("Your bank refused this.", "Ihre Bank hat das abgelehnt."),
    "problem.bank_unavailable": (
        "Your bank cannot be reached at the moment.",
        "Ihre Bank ist gerade nicht erreichbar.",
    ),
    "problem.bank_answer": (
        "Your bank's answer failed a security check, so ShopPay did not use it.",
        "Die Antwort Ihrer Bank hat eine Sicherheitsprüfung nicht bestanden; ShopPay hat sie nicht verwendet.",
    ),
    "problem.http": ("The request cannot be answered.", "Die Anfrage kann nicht beantwortet werden."),
    "problem.http.403": (
        "This form did not come from this page, or is too old. Please open it again.",
        "Dieses Formular kam nicht von dieser Seite oder ist veraltet. Bitte neu öffnen.",
    ),
    "problem.http.404": ("There is nothing here.", "Hier ist nichts."),
    "problem.http.413": ("That was too large.", "Das war zu groß."),
    "problem.http.500": (
        "ShopPay has a fault (number {number}).",
        "ShopPay hat eine Störung (Nummer {number}).",
    ),
}


def text(key: str, language: str, **params: Any) -> str:
    """The sentence in this language with its values put in. Raises KeyError for an unknown key."""
    sentence = TEXTS[key][LANGUAGES.index(language)]
    return sentence.format(**params) if params else sentence


def has_text(key: str) -> bool:
    """Whether there is such a sentence; for keys made from a bank's literals."""
    return key in TEXTS
