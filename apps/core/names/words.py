"""Lists of words that names are made of; ASCII, lower case, as :class:`apps.core.names.letters.Word` spells them."""

from itertools import combinations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What stands before or after a name and is no part of it.
TITLES = _set(
    """herr herrn frau fraulein hr fr mr mrs ms miss mister mme mlle monsieur madame mademoiselle sr sra
    senor senora signor signora sig pan pani dr doktor drs prof professor professorin univ pd priv doz
    dipl diplom ing ingenieur kfm kffr betriebsw betriebswirt oec mag magister med dent vet jur iur phil
    rer nat hc habil msc bsc mba llm phd md ra rechtsanwalt rechtsanwaltin notar stb steuerberater wp
    arch sir dame rev pastor pfarrer eheleute familie fam firma fa"""
)
# Those of them that may stand after it.
DEGREES = _set("dr prof ing dipl msc bsc mba llm phd md med jur habil")
# Parts of surnames that people leave out.
PARTICLES = _set(
    """von van vom zu zum zur der den dem de del della dello di da do dos das du des la le les lo af av ten
    ter te op het y e freiherr freifrau freiin graf grafin baron baronin edler edle ritter bin ibn al el"""
)
GENERATIONS = {
    "sen": 1,
    "senior": 1,
    "snr": 1,
    "jun": 2,
    "junior": 2,
    "jr": 2,
    "jnr": 2,
    "fils": 2,
    "pere": 1,
    "ii": 3,
    "iii": 4,
}
# Before a name at birth: it and what follows is no part of the name.
BIRTH_WORDS = _set("geb geborene geborener nee ne born roz")

# Given names that are one name: the short, the familiar, another spelling.
_NAMESAKES = """
johannes hans hannes johann johan jan hansi
alexander alex sascha sandro xander
alexandra alex sandra sascha alexa
maximilian max maxi
thomas tom tommy tomas
tobias tobi
stefan stephan stefen steffen steven stephen steve etienne
stefanie stephanie steffi steffie stephie
matthias mathias matze mattias matthew matt
christian chris christoph christof christopher kristian krystian
christina christine kristina kristine christa tina chris christel christiane
katharina katarina catharina katrin kathrin katja kathi kate catherine katherine cathrin catrin
ulrich uli ulli
ulrike uli ulli
nikolaus klaus claus niklas nicolas nick nico nikolas nicholas nils
nicole nicola nicki
friedrich fritz frederic frederick frederik fred
josef joseph sepp jupp joe jose
wilhelm willi willy will
william bill will billy liam
robert bob rob bobby robby
richard rick dick richie
michael michi mike micha michel mick michal
michaela michi
elisabeth elizabeth elsbeth lisa lisbeth liz sissi elise betty else
margarete margarethe margareta margaret grete gretel marga greta rita margit
andreas andi andy anders andre andrew
andrea andi
benjamin ben benny beni
daniel dani dan danny
daniela dani
samuel sam sammy
samantha sam
sebastian basti bastian
dominik dominic nick
philipp philip phillip phillipp phil felipe philippe
gabriele gabi gaby gabriela
susanne susanna susi suse susan suzanne
barbara babs baerbel barbel
brigitte gitte birgit brigitta
ingeborg inge
heinrich heinz heiner henry henri hinrich
karl carl karel charles charlie carlo
karolina carolina karoline caroline caro
kurt curt
konrad conrad conny
cornelia kornelia conny
cornelius kornelius
gerhard gerd gert gerrit
gunther guenther gunter guenter
jorg joerg juergen jurgen georg george schorsch jerzy
rudolf rudolph rudi
ludwig lutz louis lewis
manfred manni fred
siegfried siggi sigi
theodor theo
leonhard leo leon leonard lennard lennart
eduard edward edi eddy ed
edmund edi ed
anton toni tony antonio antoine anthony
antonia toni
antje anje
peter pete piet pierre pedro piotr
paul paulus pablo paolo pawel
sara sarah
hanna hannah johanna hanne
anna anni
carla karla
maria mary
marie mariechen
oskar oscar
yannick jannik yannik jannick
frieda frida
mariana marianne
julia julie juliane julija yulia
sofia sophia sophie sofie zofia
viktoria victoria vicky
viktor victor
magdalena magda lena leni
helena helene lena leni helen elena
therese theresa teresa resi
ursula uschi ulla
waltraud waltraut traudl
gertrud gertraud trude
dorothea dora doro dorothee
eva evi eve
jakob jacob jack james
jonathan jon john jonas
johnathan john jack
thorsten torsten thorben torben
ralf ralph rolf
bernd bernhard bernard bert
herbert bert
albert bert al
detlef detlev
dieter dietrich
eckart eckard eckhard eckehard
erik eric erich
marc mark marco marko markus marcus
lukas lucas luca luke luc lukasz
luisa louisa luise louise
clara klara
katarzyna kasia
malgorzata gosia
agnieszka aga
krzysztof krzys
vladimir wladimir volodymyr vova
dmitri dmitrij dmitry dimitri dima
sergei sergej sergey serhij
aleksandr alexander oleksandr sasha sascha
alexej aleksei alexey oleksij
jewgeni evgeni evgeny yevgeny jewgenij
mohammed mohamed muhammad mohammad mehmet muhammed mo
ahmed ahmet ahmad
ibrahim abraham
mustafa mustapha
yusuf yousef youssef jusuf
fatima fatma
emil emile
guillaume willem
francois franz francis frank francesco francisco franziskus
franziska francisca franzi
giovanni gianni
giuseppe beppe peppe
luigi gino
lorenzo lorenz laurenz laurent lars laurence
bjoern bjorn
soren soeren
jens jons
kjell kjeld
annemarie anne marie
annegret anne
rosemarie rosi rose
hildegard hilde
mathilde hilde tilda
kunigunde kuni
walter walther
werner wernher
martin merten marten
moritz maurice mauritz
timothy tim timo
valentin valentino
vincent vinzenz
zacharias zach
"""
_groups: dict[str, set[int]] = {}
for _number, _line in enumerate(_NAMESAKES.strip().splitlines()):
    for _name in _line.split():
        _groups.setdefault(_name, set()).add(_number)
# Each pair of them in both orders.
NAMESAKES = frozenset(
    pair
    for line in _NAMESAKES.strip().splitlines()
    for one, other in combinations(line.split(), 2)
    for pair in ((one, other), (other, one))
)
# Two different ones of these are two people, however few letters lie between them: Anna and Hanna, Jan and Jana.
GIVEN_NAMES = frozenset(_groups) | _set(
    """anne ann annika anja dirk maren mia alia aaron abel achim ada adam adelheid adrian adriana agathe
    agnes ahmet aida alan albrecht aldo alena alessandro alessia alfons alfred ali alice alicia alina
    alma alois altan amalia amelie amir ana anastasia andrej andrzej angela angelika angelina anika
    anita anke anneliese annette ansgar antonella april arabella armin arne arnold arthur artur astrid
    aurelia axel ayse aylin balthasar bartosz beate beatrice beatrix beata bela benedikt benno berit
    bernadette berta bertha berthold bettina bianca birger birte bjarne bodo boris brian britta bruno
    burak burkhard camilla can carina carla carlos carmen carola carsten karsten cecilia cedric celine
    chantal charlotte chiara chloe christl claudia claudio clemens klemens colin constantin konstantin
    corinna cosima dagmar damian darius david deborah denis dennis denise desiree diana diego diethelm
    domenico dorian doris dustin edda edeltraud edgar edith egon ekkehard elfriede elias elif elke ella
    ellen elli elmar elvira emanuel emilia emily emma emine emre enno enrico erika erkan ernst erna
    erwin esther eugen eugenia fabian fabienne fabio falk fanny fatih federico felicia felicitas felix
    ferdinand fernando filip finn fiona flora florian florence florentine frauke frieda frida frieder
    gabriel gaetano georgia gerlinde gereon giulia gina gisela giorgio gitta gottfried gregor greta
    grzegorz guido guenter gudrun gunnar gustav hakan halil hannelore harald hartmut hasan hedwig heide
    heidi heike heiko helga helge helmut hendrik henrik henriette hermann hermine herta holger horst
    hubert hugo huseyin ida igor ilka ilona ilse imke ina ines inga ingo ingrid ingmar irene irina iris
    irma isabel isabell isabella isabelle ismail ivan ivana ivo iwona jacek jaqueline jacqueline jana
    janet janina janine jannik jannis janosch jasmin jason jean jeanette jennifer jenny jeremy jessica
    jill joachim joana joanna jochen joel joerg johanna jolanta jonah jordan jorge jost juan judith
    julian juliane juliette jurij justin justus jutta kai kaja karim karin karla karolin kaspar katalin
    kemal kenneth kerstin kevin kilian kim kira klaudia konstanze korbinian kristin krystyna lara laura
    lauri lea leah leandro leif leila lennox leonie leopold levi levin lia liane lidia lilian lilli lily
    lina linda linus lino lioba lisbet lothar lotte luca lucia lucie luis luka luna lydia maike maja
    malte mandy manuel manuela mara marcel marcin margot marianne marika marina mario marion marius
    marlene marlies martha marta martina marvin mathis mathieu max maxim maya mechthild mehdi melanie
    melina melissa mercedes meryem meta mila milan milena mina mirco mirja mirjam miriam mischa mohamad
    mona monica monika monique murat nadine nadja naomi natalia natalie natascha nathan nele nelli nelly
    nevin nicoletta nikita niko nikola nina noah noel nora norbert norman ole oleg olga oliver olivia
    olaf oskar oscar osman otmar ottmar otto ottilie pascal patricia patrick patrik paula pauline per
    petra pia rafael raphael rainer reiner raimund ralf ramona randolf raphaela rebecca rebekka regina
    regine reinhard reinhild reinhold renate rene renee roberta roberto robin rocco roger roland roman
    romy ronald ronja ronny rosa rosalie rosi roswitha ruben ruediger rudiger rupert ruth ryan sabine
    sabrina salome salvatore sandro sandy santiago saskia scarlett selim selina selma serena serge
    serkan severin sibylle sigmund sigrid silas silke silvana silvia simon simona simone sina sinan
    sonja sonia sophia stella stine sven svenja swetlana sylvia sylvester tabea tamara tanja tania tara
    tatjana ted teresa thea thekla thilo tilo till tilman thilde tim timo tina tobias toralf ulf undine
    urban urs ute uta uwe valentina valeria valerie vanessa vera verena veronika veronica vincenzo
    vinzenz virginia vito vivien viviane volker volkmar wanda wenzel wendelin wiebke wilfried wiltrud
    winfried wojciech wolfgang wolf wolfram xaver xenia yannick yannik yasemin yasmin yvonne yves zita
    zlatan zoe zuzanna anton lars nils jonas ingolf gero gesa gesine hauke heinke insa jannes joost keno
    lasse levke lorena malin mats matteo mattis merle mieke momme neele okke onno peer pelle rieke ria
    sontje tjark tomma wiebe astor mika miko birk bent"""
)

# Company forms: canonical name and the ways to write it, dots left out. A form of one letter group may be in pieces.
LEGAL_FORMS: dict[str, tuple[str, ...]] = {
    "gmbh & co kg": (
        "gmbh & co kg",
        "gmbh co kg",
        "gmbh & co kommanditgesellschaft",
        "gmbh & cie kg",
        "mbh & co kg",
        "gmbh & co",
        "gesellschaft mit beschrankter haftung & co kg",
        "gesellschaft mit beschrankter haftung & co kommanditgesellschaft",
    ),
    "ag & co kg": ("ag & co kg", "ag co kg"),
    "ug & co kg": ("ug haftungsbeschrankt & co kg", "ug & co kg", "ug co kg"),
    "gmbh & co kgaa": ("gmbh & co kgaa",),
    "ag & co kgaa": ("ag & co kgaa",),
    "se & co kgaa": ("se & co kgaa",),
    "se & co kg": ("se & co kg",),
    "& co kg": ("& co kg", "co kg"),
    "& co ohg": ("& co ohg",),
    "gmbh": ("gmbh", "mbh", "gesmbh", "ges m b h", "gesellschaft mit beschrankter haftung", "g m b h"),
    "ggmbh": ("ggmbh", "gemeinnutzige gmbh"),
    "ug": (
        "ug haftungsbeschrankt",
        "ug haftungsbeschr",
        "ug",
        "unternehmergesellschaft haftungsbeschrankt",
        "unternehmergesellschaft",
    ),
    "ag": ("ag", "aktiengesellschaft", "a g"),
    "kgaa": ("kgaa", "kommanditgesellschaft auf aktien"),
    "kg": ("kg", "kommanditgesellschaft"),
    "ohg": ("ohg", "offene handelsgesellschaft"),
    "gbr": ("gbr", "gesellschaft burgerlichen rechts", "bgb gesellschaft"),
    "egbr": ("egbr",),
    "ek": (
        "ek",
        "e k",
        "ekfm",
        "e kfm",
        "ekfr",
        "e kfr",
        "eingetragener kaufmann",
        "eingetragene kauffrau",
    ),
    "eg": ("eg", "e g", "eingetragene genossenschaft", "eg mbh"),
    "ev": ("ev", "e v", "eingetragener verein"),
    "partg": ("partg", "partg mbb", "partgmbb", "partnerschaftsgesellschaft"),
    "se": ("se", "societas europaea"),
    "ltd": ("ltd", "limited"),
    "plc": ("plc", "public limited company"),
    "llp": ("llp",),
    "llc": ("llc",),
    "inc": ("inc", "incorporated"),
    "corp": ("corp", "corporation"),
    "sa": ("sa", "s a", "societe anonyme", "sociedad anonima", "spolka akcyjna"),
    "sas": ("sas", "s a s", "sasu", "societe par actions simplifiee"),
    "sarl": ("sarl", "s a r l", "sa rl", "s a rl", "eurl", "societe a responsabilite limitee"),
    "sci": ("sci",),
    "snc": ("snc", "s n c"),
    "srl": ("srl", "s r l", "societa a responsabilita limitata"),
    "spa": ("spa", "s p a", "societa per azioni"),
    "sl": ("sl", "s l", "slu", "s l u", "sociedad limitada"),
    "lda": ("lda", "limitada"),
    "bv": ("bv", "b v", "besloten vennootschap"),
    "nv": ("nv", "n v", "naamloze vennootschap"),
    "vof": ("vof", "v o f"),
    "sp zoo": (
        "sp z oo",
        "sp z o o",
        "sp zoo",
        "spolka z oo",
        "spolka z o o",
        "spolka z ograniczona odpowiedzialnoscia",
    ),
    "sp k": ("sp k", "spolka komandytowa"),
    "sp j": ("sp j", "spolka jawna"),
    "ab": ("ab", "ab publ", "aktiebolag"),
    "as": ("as", "a/s", "a s", "aksjeselskap", "aktieselskab"),
    "aps": ("aps", "anpartsselskab"),
    "oy": ("oy", "osakeyhtio"),
    "oyj": ("oyj",),
    "kft": ("kft",),
    "sro": ("sro", "s r o"),
    "doo": ("doo", "d o o"),
    "ood": ("ood", "eood"),
    "ike": ("ike",),
    "epe": ("epe",),
    "ae": ("ae",),
    "ooo": ("ooo",),
}
# Each also letter by letter: K.G., G m b H.
LEGAL_FORMS = {
    form: spellings + tuple(" ".join(one) for one in spellings if one.isalpha() and len(one) <= 5)
    for form, spellings in LEGAL_FORMS.items()
}
# Of a natural person, who answers for it with his own name.
SOLE_TRADERS = frozenset({"ek"})
# Also words of people's names: taken for a form at the end of a longer name only.
SHORT_FORMS = frozenset(
    {"ab", "ae", "as", "se", "sa", "sas", "sl", "spa", "ike", "epe", "ag", "eg", "ev", "ug"}
)

CONNECTORS = _set(
    """& inh inhaber inhaberin und and et y e i og och en u the der die das des dem den of fur fuer de du
    la le les in im am an"""
)
# What a company does or where: says little about which one it is.
BUSINESS_WORDS = _set(
    """apotheke arztpraxis praxis autohaus auto autos automobile backerei baeckerei back baeckereien bank
    bau bauunternehmen baumarkt baustoffe beratung beteiligung beteiligungs beteiligungsgesellschaft
    betriebe bistro blumen boulangerie brauerei buch buchhandlung buero buro business cafe capital
    center centrum zentrum chemie computer consult consulting container dach dachdeckerei design dienst
    dienste dienstleistung dienstleistungen digital druck druckerei einrichtungshaus elektro elektronik
    elektrotechnik energie energy engineering entreprise entsorgung fahrrad fahrschule feinkost finance
    finanz fitness fleischerei foto friseur friseursalon garage garten gartenbau gastro gaststatte
    gaststaette gebaudereinigung gebaeudereinigung gebruder gebrueder gebr gemeinde gemeinschaft
    genossenschaft gesellschaft getranke getraenke grosshandel group gruppe gruppo grupo handel handels
    handelsgesellschaft haus hausverwaltung heizung holding holz hotel immobilien import export
    industrie industries informatik ingenieurburo ingenieurbuero innenausbau installation institut
    international internationale invest it kanzlei kfz kindergarten kita klinik kommunikation konditorei
    kosmetik kuche kuchen kuechen kunststoff kunststofftechnik lager landhandel logistics logistik maler
    malerbetrieb management markt maschinen maschinenbau media medien mediengruppe metall metallbau
    metzgerei mobel moebel mobelhaus moebelhaus motoren nachfolger nachf network obst online optik
    partner pension personal pflege pflegedienst pharma physiotherapie planung produktion produkte
    projekt reinigung reisen reiseburo reisebuero reparatur restaurant ristorante sanitar sanitaer
    schlosserei schmiede schreinerei schule senioren service services shop software sohn sohne soehne
    solar solutions solution spedition sport sportverein stadt stadtwerke steuerberatung
    steuerberatungsgesellschaft stiftung store studio systeme systems taxi tech technik technologie
    technologies tier tierarztpraxis tischlerei tochter tours trade trading transport transporte travel
    treuhand umzuge umzuege verein verlag vermietung versand versicherung versicherungen
    versicherungsmakler vertrieb vertriebs verwaltung verwaltungs wasser web weingut weinhandel werbung
    werk werke werkstatt werkzeug werkzeugbau werkzeuge wirtschaft wohnbau wohnungsbau zahnarztpraxis
    zimmerei deutschland germany europe europa austria osterreich oesterreich schweiz france italia
    polska company co cie compagnie societe gemeinnutzige forderverein foerderverein turnverein
    tennisclub club musikverein feuerwehr freunde kirchengemeinde brasserie patisserie libreria officina"""
)
# Short forms of words, written out.
SHORTENED = {
    "gebr": "gebrueder",
    "gebruder": "gebrueder",
    "dt": "deutsche",
    "kath": "katholische",
    "st": "sankt",
}
# Ends of words that say what a business does: Gärtnerei, Steuerberatung.
BUSINESS_ENDINGS = (
    *(
        "erei",
        "handel",
        "technik",
        "werke",
        "dienst",
        "dienste",
        "markt",
        "service",
        "praxis",
        "buero",
        "buro",
    ),
    *("verein", "verwaltung", "beratung", "gesellschaft", "betrieb", "vertrieb", "reinigung", "vermietung"),
)
