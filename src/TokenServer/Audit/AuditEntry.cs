using System.Globalization;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;

namespace AuthIndex.TokenServer.Audit;

/// <summary>One line of the audit log: a request for a token, its outcome and the rules behind it.</summary>
/// <param name="Time">When it was decided; kept to the millisecond, in UTC.</param>
/// <param name="Decision">The id shown to the client.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Account">The account; "" for an anonymous caller, and the name as it was typed where the sign-in failed.</param>
/// <param name="SignedInBy">How the caller signed in; null where the sign-in failed.</param>
/// <param name="Groups">The groups that the identity gave.</param>
/// <param name="Address">Where the request came from; null when unknown.</param>
/// <param name="Service">The service that a token was asked for; null when the request did not get that far.</param>
/// <param name="Asked">The scopes asked for.</param>
/// <param name="Granted">The scopes granted.</param>
/// <param name="Refused">The scopes refused, each with the reason.</param>
/// <param name="AllowedBy">The rules behind what was granted.</param>
/// <param name="Policy">The revision of the policy; null when it was not asked.</param>
/// <param name="Reason">Why the sign-in failed or could not be checked; null otherwise.</param>
internal sealed record AuditEntry(
    DateTimeOffset Time,
    string Decision,
    AuditOutcome Outcome,
    string Account,
    string? SignedInBy,
    IReadOnlyList<string> Groups,
    string? Address,
    string? Service,
    IReadOnlyList<string> Asked,
    IReadOnlyList<string> Granted,
    IReadOnlyList<AuditRefusal> Refused,
    IReadOnlyList<string> AllowedBy,
    string? Policy,
    string? Reason)
{
    // Round-trip: an entry that is read again equals the original.
    public DateTimeOffset Time { get; init => field = WholeMilliseconds(value); } = WholeMilliseconds(Time);

    /// <summary>The public id of the token by which the caller signed in; null for a password.</summary>
    public string? Grant { get; init; }

    /// <summary>The name of that token; null for a password.</summary>
    public string? GrantName { get; init; }

    /// <summary>How many decisions the line represents, described by the last one; usually 1.</summary>
    public long Count { get; init; } = 1;

    /// <summary>When the first of them was decided; null where there is one only.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>How many texts were left out or cut because the line would be too long.</summary>
    public int Omitted { get; init; }

    /// <summary>The entry with no more than a number of texts in each list, and none longer than <see cref="LogText.MaxLength"/>.</summary>
    public AuditEntry Shortened(int most)
    {
        var omitted = 0;
        var refused = Refused.Take(most).Select(r => new AuditRefusal(Cut(r.Scope), Cut(r.Reason), Few(r.Rules))).ToList();
        omitted += Refused.Count - refused.Count;
        return this with
        {
            Account = Cut(Account),
            Groups = Few(Groups),
            Asked = Few(Asked),
            Granted = Few(Granted),
            Refused = refused,
            AllowedBy = Few(AllowedBy),
            Reason = Reason is null ? null : Cut(Reason),
            Omitted = omitted,
        };

        List<string> Few(IReadOnlyList<string> texts)
        {
            omitted += Math.Max(0, texts.Count - most);
            return [.. texts.Take(most).Select(Cut)];
        }

        string Cut(string text)
        {
            if (text.Length <= LogText.MaxLength) return text;
            omitted++;
            return text[..LogText.MaxLength] + "…";
        }
    }

    /// <summary>Writes the entry as one JSON object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("time"u8, Time.ToString(AuditFile.TimeFormat, CultureInfo.InvariantCulture));
        json.WriteString("decision"u8, Decision);
        json.WriteString("outcome"u8, Outcome.Word());
        json.WriteString("account"u8, Account);
        json.WriteString("signedInBy"u8, SignedInBy);
        WriteTexts(json, "groups"u8, Groups);
        json.WriteString("address"u8, Address);
        json.WriteString("service"u8, Service);
        WriteTexts(json, "asked"u8, Asked);
        WriteTexts(json, "granted"u8, Granted);
        json.WriteStartArray("refused"u8);
        foreach (var refusal in Refused)
        {
            json.WriteStartObject();
            json.WriteString("scope"u8, refusal.Scope);
            json.WriteString("reason"u8, refusal.Reason);
            WriteTexts(json, "rules"u8, refusal.Rules);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteTexts(json, "allowedBy"u8, AllowedBy);
        json.WriteString("policy"u8, Policy);
        json.WriteString("reason"u8, Reason);
        if (Count > 1)
        {
            json.WriteNumber("count"u8, Count);
            json.WriteString("since"u8, (Since ?? Time).ToString(AuditFile.TimeFormat, CultureInfo.InvariantCulture));
        }

        if (Omitted > 0) json.WriteNumber("omitted"u8, Omitted);
        if (Grant is not null)
        {
            json.WriteString("grant"u8, Grant);
            json.WriteString("grantName"u8, GrantName);
        }

        json.WriteEndObject();
    }

    /// <summary>Reads one line. Unknown keys are ignored, so that logs of later versions can be read.</summary>
    /// <param name="line">The line, without its end.</param>
    /// <param name="entry">The entry, when the answer is null.</param>
    /// <returns>Null when the line is an entry; otherwise what is wrong with it.</returns>
    public static string? Parse(ReadOnlyMemory<byte> line, out AuditEntry? entry)
    {
        entry = null;
        using var document = AuditSearch.Parse(line, out var problem);
        if (document is null) return problem;
        var fields = new AuditFields(document.RootElement);
        if (!DateTimeOffset.TryParseExact(
            fields.Text("time"), AuditFile.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return "its 'time' is not a time";
        }

        if (!AuditOutcomes.TryParse(fields.Text("outcome"), out var outcome)) return "its 'outcome' is unknown";
        var read = new AuditEntry(
            time,
            fields.Text("decision"),
            outcome,
            fields.Text("account"),
            fields.TextOrNull("signedInBy"),
            fields.Texts("groups"),
            fields.TextOrNull("address"),
            fields.TextOrNull("service"),
            fields.Texts("asked"),
            fields.Texts("granted"),
            [.. fields.Objects("refused").Select(r => new AuditRefusal(r.Text("scope"), r.Text("reason"), r.Texts("rules")))],
            fields.Texts("allowedBy"),
            fields.TextOrNull("policy"),
            fields.TextOrNull("reason"))
        {
            Grant = fields.TextIfAny("grant"),
            GrantName = fields.TextIfAny("grantName"),
            Count = fields.NumberIfAny("count") ?? 1,
            Since = DateTimeOffset.TryParseExact(
                fields.TextIfAny("since"), AuditFile.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal,
                out var since) ? since : null,
            Omitted = (int)(fields.NumberIfAny("omitted") ?? 0),
        };
        if (fields.Problem is null) entry = read;
        return fields.Problem;
    }

    private static void WriteTexts(Utf8JsonWriter json, ReadOnlySpan<byte> key, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(key);
        foreach (var text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static DateTimeOffset WholeMilliseconds(DateTimeOffset time) =>
        new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
}

/// <summary>A scope that was refused.</summary>
/// <param name="Scope">The scope, with the refused actions.</param>
/// <param name="Reason">The reason, as the client was told.</param>
/// <param name="Rules">The rules that denied it, as <c>id (file:line)</c>; empty when no rule allowed it.</param>
internal sealed record AuditRefusal(string Scope, string Reason, IReadOnlyList<string> Rules);
