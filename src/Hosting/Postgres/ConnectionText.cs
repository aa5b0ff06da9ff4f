using System.Text.RegularExpressions;
using Npgsql;

namespace AuthIndex.Hosting.Postgres;

/// <summary>
/// How a database is named: as Npgsql's connection string, or as a URL, <c>postgres://user:password@host:port/database</c>.
/// </summary>
internal static partial class ConnectionText
{
    /// <summary>How many connections a process has at most, where the connection string does not say.</summary>
    public const int DefaultConnections = 20;

    /// <summary>How long a statement may take.</summary>
    public static readonly TimeSpan StatementTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    /// <summary>Reads a connection string or URL, and sets what holds for every connection.</summary>
    /// <param name="text">The text.</param>
    /// <param name="program">The name under which the database lists the connections, followed by the text's own.</param>
    /// <exception cref="OperatorException">It is neither; the message holds nothing of it, because it has a password.</exception>
    public static NpgsqlConnectionStringBuilder Read(string text, string program)
    {
        text = text.Trim();
        NpgsqlConnectionStringBuilder builder;
        try
        {
            builder = Url().Match(text) is { Success: true } url ? FromUrl(url) : new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new OperatorException("neither a connection string of Npgsql nor a URL postgres://user:password@host:port/database");
        }

        if (string.IsNullOrEmpty(builder.Host)) throw new OperatorException("the connection string names no host");
        if (!PoolSize().IsMatch(text)) builder.MaxPoolSize = DefaultConnections;
        // Before a name of the operator's own: by the program's it is seen whether one still uses the database.
        builder.ApplicationName = builder.ApplicationName is { Length: > 0 } own ? $"{program} {own}" : program;
        builder.Timeout = (int)ConnectTimeout.TotalSeconds;
        builder.CommandTimeout = (int)StatementTimeout.TotalSeconds;
        builder.CancellationTimeout = 1000;

        // Behind a pooler in transaction mode the next statement may be another connection's: nothing is kept in a session.
        builder.Pooling = true;
        builder.MaxAutoPrepare = 0;
        builder.NoResetOnClose = true;
        builder.Multiplexing = false;
        builder.Enlist = false;
        builder.PersistSecurityInfo = false;
        builder.IncludeErrorDetail = false;
        return builder;
    }

    private static NpgsqlConnectionStringBuilder FromUrl(Match url)
    {
        var builder = new NpgsqlConnectionStringBuilder { Host = url.Groups["hosts"].Value };
        if (Part("database") is { Length: > 0 } database) builder.Database = database;
        if (Part("user") is { Length: > 0 } user) builder.Username = user;
        if (Part("password") is { Length: > 0 } password) builder.Password = password;
        foreach (var option in url.Groups["query"].Value.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (option.Split('=', 2) is not [var name, var text]) throw new FormatException();
            var value = Uri.UnescapeDataString(text);
            switch (name)
            {
                case "sslmode":
                    builder["SSL Mode"] = value.Replace("-", "", StringComparison.Ordinal);
                    break;
                case "sslrootcert":
                    builder.RootCertificate = value;
                    break;
                case "sslcert":
                    builder.SslCertificate = value;
                    break;
                case "sslkey":
                    builder.SslKey = value;
                    break;
                case "target_session_attrs":
                    builder.TargetSessionAttributes = value;
                    break;
                case "application_name":
                    builder.ApplicationName = value;
                    break;
                default:
                    throw new FormatException();
            }
        }

        return builder;

        string Part(string name) => Uri.UnescapeDataString(url.Groups[name].Value);
    }

    [GeneratedRegex(
        @"(^|;)\s*max(imum)?\s*pool\s*size\s*=", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000)]
    private static partial Regex PoolSize();

    // Several hosts, host:port,host:port, are one server and its standbys; Npgsql reads the list itself.
    [GeneratedRegex(
        @"^postgres(?:ql)?://(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^@/?]+)"
        + @"(?:/(?<database>[^?]*))?(?:\?(?<query>.*))?$",
        RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Url();
}
