using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Tests.Yaml;

public sealed class YamlLayoutTests
{
    [Fact]
    public void Comments_are_found_with_their_place_and_whether_brackets_are_around_them()
    {
        var layout = YamlLayout.Read("f", "# head  \na: [x, # in\n  { b: '#no' }] # after\nc: d#no\n\n  # end");
        Assert.Equal(
            [(1, 1, "# head", false), (2, 8, "# in", true), (3, 17, "# after", false), (6, 3, "# end", false)],
            layout.Comments.Select(c => (c.At.Line, c.At.Column, c.Text, c.IsInFlow)));
        Assert.Equal([(2, 4), (3, 3)], layout.FlowStarts.Select(s => (s.Line, s.Column)).Order());
    }
}
