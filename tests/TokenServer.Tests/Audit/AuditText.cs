using System.Text;
using System.Text.Json;
using AuthIndex.TokenServer.Audit;

namespace AuthIndex.TokenServer.Tests.Audit;

/// <summary>Audit entries and their lines.</summary>
internal static class AuditText
{
    public static readonly AuditEntry Sample = new(
        new DateTimeOffset(2027, 1, 31, 10, 0, 0, 123, TimeSpan.Zero),
        "AM63PJQ2",
        AuditOutcome.Partly,
        "alice",
        "htpasswd",
        ["platform", "ldap:dev"],
        "192.0.2.9",
        "registry",
        ["repository:team/app:pull,push"],
        ["repository:team/app:pull"],
        [new AuditRefusal("repository:team/app:push", "rule 'freeze' denies push", ["freeze (policy.yaml:12)"])],
        ["team (policy.yaml:7)"],
        "69d9728c82cc",
        Reason: null);

    public static string Line(this AuditEntry entry)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, AuthIndex.Hosting.Audit.AuditFile.Json)) entry.Write(json);
        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    public static AuditEntry Read(string line) =>
        AuditEntry.Parse(Encoding.UTF8.GetBytes(line), out var entry) is { } problem
        ? throw new InvalidOperationException(problem)
        : entry!;
}
