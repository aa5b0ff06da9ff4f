using System.Globalization;
using System.Text;

namespace AuthIndex.TokenServer.Names;

/// <summary>
/// Prepares a text for comparison as directories do (RFC 4518): letter case, the number of spaces, invisible characters and the
/// way in which a letter with a mark is encoded make no difference. Of the compatibility forms of RFC 4518 section 2.3 only
/// spaces are mapped: a name in full-width letters stays another name.
/// </summary>
internal static class PreparedText
{
    // A mark, the letters that it can stand behind, and what each becomes with it (Unicode's canonical composition; the
    // runtime's own is not available without ICU). Latin, Greek and Cyrillic; small letters, since case is folded before.
    private static readonly (char Mark, string Letters, string Composed)[] Compositions =
    [
        ('\u0300', "aeiouünеиēōwâăêôơưy", "àèìòùǜǹѐѝḕṑẁầằềồờừỳ"),
        ('\u0301', "aeiouyclnrszügåæøϊαεηιϋουωϒгкçēïkmõōpũwâăêôơư", "áéíóúýćĺńŕśźǘǵǻǽǿΐάέήίΰόύώϓѓќḉḗḯḱḿṍṓṕṹẃấắếốớứ"),
        ('\u0302', "aeioucghjswyzạẹọ", "âêîôûĉĝĥĵŝŵŷẑậệộ"),
        ('\u0303', "anoiuvâăeêôơưy", "ãñõĩũṽẫẵẽễỗỡữỹ"),
        ('\u0304', "aeiouüäȧæǫöõȯyиуgḷṛ", "āēīōūǖǟǡǣǭȫȭȱȳӣӯḡḹṝ"),
        ('\u0306', "aegiouиужаеȩạ", "ăĕğĭŏŭйўӂӑӗḝặ"),
        ('\u0307', "cegzaobdfhmnprsśšṣtwxyſ", "ċėġżȧȯḃḋḟḣṁṅṗṙṡṥṧṩṫẇẋẏẛ"),
        ('\u0308', "aeiouyιυϒеіаәжзиоөэучыhõūwxt", "äëïöüÿϊϋϔёїӓӛӝӟӥӧӫӭӱӵӹḧṏṻẅẍẗ"),
        ('\u0309', "aâăeêioôơuưy", "ảẩẳẻểỉỏổởủửỷ"),
        ('\u030a', "auwy", "åůẘẙ"),
        ('\u030b', "ouу", "őűӳ"),
        ('\u030c', "cdelnrstzaiouügkʒjh", "čďěľňřšťžǎǐǒǔǚǧǩǯǰȟ"),
        ('\u030f', "aeioruѵ", "ȁȅȉȍȑȕѷ"),
        ('\u0311', "aeioru", "ȃȇȋȏȓȗ"),
        ('\u031b', "ou", "ơư"),
        ('\u0323', "bdhklmnrstvwzaeioơuưy", "ḅḍḥḳḷṃṇṛṣṭṿẉẓạẹịọợụựỵ"),
        ('\u0324', "u", "ṳ"),
        ('\u0325', "a", "ḁ"),
        ('\u0326', "st", "șț"),
        ('\u0327', "cgklnrstedh", "çģķļņŗşţȩḑḩ"),
        ('\u0328', "aeiuo", "ąęįųǫ"),
        ('\u032d', "delntu", "ḓḙḽṋṱṷ"),
        ('\u032e', "h", "ḫ"),
        ('\u0330', "eiu", "ḛḭṵ"),
        ('\u0331', "bdklnrtzh", "ḇḏḵḻṉṟṯẕẖ"),
    ];

    private static readonly Dictionary<(char Letter, char Mark), char> Composed =
        Compositions.SelectMany(c => c.Letters.Zip(c.Composed, (letter, composed) => (Key: (letter, c.Mark), composed)))
        .ToDictionary(p => p.Key, p => p.composed);

    /// <summary>The prepared text; the same for all texts that are equal, and prepared already when it is prepared again.</summary>
    public static string Of(string text)
    {
        // Twice, so that letters with several upper-case or lower-case forms become equal.
        var folded = text.ToUpperInvariant().ToLowerInvariant().Replace("ß", "ss", StringComparison.Ordinal);
        var prepared = new StringBuilder(folded.Length);
        foreach (var c in folded)
        {
            if (IsSpace(c))
            {
                if (prepared.Length > 0 && prepared[^1] != ' ') prepared.Append(' ');
            }
            else if (prepared.Length > 0 && Composed.TryGetValue((prepared[^1], c), out var whole))
            {
                prepared[^1] = whole;
            }
            else if (!IsInvisible(c))
            {
                prepared.Append(c);
            }
        }

        if (prepared.Length > 0 && prepared[^1] == ' ') prepared.Length--;
        return prepared.ToString();
    }

    private static bool IsSpace(char c) =>
        c is >= '\t' and <= '\r' or '\x85'
        || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator;

    // RFC 4518 section 2.2: what is mapped to nothing.
    private static bool IsInvisible(char c) =>
        c is '\u034f' or (>= '\u180b' and <= '\u180e') or (>= '\ufe00' and <= '\ufe0f') or '\ufffc'
        || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format;
}
