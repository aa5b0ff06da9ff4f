using System.Text.Json;
using AuthIndex.Hosting.Audit;

namespace AuthIndex.Hosting.Tests.Audit;

public sealed class AuditQueryTests
{
    [Theory]
    [InlineData("corp:alice at 192.0.2.1", "corp:alice", true)]
    [InlineData("corp:alice at 192.0.2.1", "alice", false)] // another account
    [InlineData("Alice at home at 192.0.2.1", "Alice at home", true)]
    [InlineData("Alice at home at 192.0.2.1", "home", false)]
    [InlineData("alice at 2001:db8::1", "alice", true)]
    [InlineData("1000:alice", "alice", true)]
    [InlineData("0:root (sudo by 1000:alice)", "alice", true)]
    [InlineData("corp:alice at 192.0.2.1", "corp:ALICE", true)] // names of providers are one in any letter case
    [InlineData("alice at 192.0.2.1", "ALICE", false)]
    public void Whose_act_it_was_is_compared_as_a_whole_where_it_was_done_in_the_portal(string by, string account, bool isWanted)
    {
        using var line = JsonDocument.Parse(JsonSerializer.Serialize(new { action = "accounts suspend", by }));
        Assert.Equal(isWanted, new AuditQuery { Account = account }.Wants(line.RootElement));
    }
}
