using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests;

/// <summary>Every log message has an id of the table, and every id one message.</summary>
public sealed class LogEventsTests
{
    [Fact]
    public void Every_message_has_an_id_and_a_name_of_its_own()
    {
        var problems = LogTable.Problems(typeof(LogEvents)).ToList();
        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }
}
