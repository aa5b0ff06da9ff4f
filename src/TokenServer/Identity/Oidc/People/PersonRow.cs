using System.Text.Json;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity.Oidc.People;

/// <summary>An account of a provider as stored in the database: the groups are a JSON list, times are Unix seconds.</summary>
internal sealed record PersonRow
{
    /// <summary>The columns, under the names that are here.</summary>
    public const string Columns =
        "account AS Account, provider AS Provider, subject AS Subject, member_of AS MemberOf, signed_in_at AS SignedInAt";

    /// <summary>Records a sign-in, in place of an earlier one of the account.</summary>
    public const string Upsert =
        """
        INSERT INTO people (account, provider, subject, member_of, signed_in_at)
        VALUES (@Account, @Provider, @Subject, @MemberOf, @SignedInAt)
        ON CONFLICT (account) DO UPDATE SET provider = excluded.provider, subject = excluded.subject,
            member_of = excluded.member_of, signed_in_at = excluded.signed_in_at
        """;

    /// <summary>All accounts of a provider.</summary>
    public const string OfProvider = $"SELECT {Columns} FROM people WHERE provider = @Provider";

    /// <summary>Ends the sign-in of whatever account somebody has.</summary>
    public const string End =
        "UPDATE people SET signed_in_at = 0 WHERE provider = @provider AND subject = @subject AND signed_in_at > 0";

    /// <summary>The names of all accounts of the provider that a name begins with.</summary>
    public const string NamesOfProvider = "SELECT account FROM people WHERE provider = @provider ORDER BY account";

    public string Account { get; init; } = "";

    public string Provider { get; init; } = "";

    public string Subject { get; init; } = "";

    public string MemberOf { get; init; } = "[]";

    public long SignedInAt { get; init; }

    /// <summary>The provider that an account is of, by its name; empty for one that is of none.</summary>
    public static string ProviderOf(string account) => account[..Math.Max(0, account.IndexOf(':', StringComparison.Ordinal))];

    /// <summary>The names that are equal to one but for letter case and spaces.</summary>
    public static IReadOnlyList<string> Alike(IEnumerable<string> names, string account)
    {
        var key = AccountSpelling.Key(account);
        return [.. names.Where(n => AccountSpelling.Key(n) == key)];
    }

    /// <summary>The row that stores an account.</summary>
    public static PersonRow Of(Person person) => new()
    {
        Account = person.Account,
        Provider = person.Provider,
        Subject = person.Subject,
        MemberOf = JsonSerializer.Serialize(person.Groups),
        SignedInAt = person.SignedIn.ToUnixTimeSeconds(),
    };

    /// <summary>The account of the row.</summary>
    public Person Read() => new(
        Account, Provider, Subject, JsonSerializer.Deserialize<List<string>>(MemberOf)!, DateTimeOffset.FromUnixTimeSeconds(SignedInAt));
}
